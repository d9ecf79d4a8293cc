"""Wrong sentences of real pictures, negatives of the discriminator (Reed et al. 2016, arXiv:1605.05396)."""

from itertools import chain
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.systems.devices import gather_objects, gather_ragged, own_share
from diptych.types import Sentences, TextFeatures


class Mismatches(NamedTuple):
    """For each own picture the number of a sentence of the joint batch that is wrong of it; `exist`: there is one."""

    sentence: Int[Tensor, " batch"]
    exist: Bool[Tensor, " batch"]


class Mismatched(NamedTuple):
    """The discriminator's reading of a wrong sentence for each own picture.

    `share` is how much of the discriminator's negatives such pairs are, 0 where no sentence is wrong of the picture.
    """

    text: TextFeatures
    share: Float[Tensor, " batch"]


def sample_mismatches(compatible: Bool[Tensor, "joint joint"], rng: torch.Generator) -> Mismatches:
    """A random wrong sentence for each picture, all equally likely; its own where there is none."""
    own = torch.eye(len(compatible), dtype=torch.bool)
    wrong = ~compatible.cpu() & ~own
    exist = wrong.any(1)
    choices = wrong | (own & ~exist[:, None])
    index = torch.multinomial(choices.float(), 1, generator=rng).squeeze(1)
    return Mismatches(*(own_share(part).to(compatible.device) for part in (index, exist)))


def wrong_sentences(sentences: Sentences, mismatches: Mismatches) -> Sentences:
    """The mismatched sentence of each own picture, wherever in the joint batch it is."""
    texts = list(chain.from_iterable(gather_objects(sentences.texts)))
    chosen = mismatches.sentence
    return Sentences(
        tuple(texts[number] for number in chosen.tolist()),
        gather_ragged(sentences.tokens)[chosen],
        gather_ragged(sentences.mask)[chosen],
    )
