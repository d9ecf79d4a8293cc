"""Which sentence goes with which picture in a batch, and which may be true of it."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, Self

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from diptych.metrics.compatibility import true_of_scenes
from diptych.systems.accumulation import rows
from diptych.systems.devices import gather, gather_ragged, num_devices, own_share
from diptych.text import Tokenizer
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Batch, DataSpec, Sentences, TextFeatures

SPECIAL_IDS = {PAD_ID, BOS_ID, EOS_ID}


class Prompts(NamedTuple):
    """One sentence for each picture of this device's share.

    `compatible[i, j]` is of the joint batch: sentence j is true of picture i, or may be. `captioned` says which
    pictures have a sentence that may be read (None: all); those of the others may be true of every picture.
    """

    sentences: Sentences
    compatible: Bool[Tensor, "joint joint"]
    captioned: Bool[Tensor, " batch"] | None = None

    def rows(self, part: slice) -> Self:
        """The prompts of a part of every device's share."""
        joint = torch.arange(len(self.compatible)).unflatten(0, (num_devices(), -1))[:, part].flatten()
        captioned = None if self.captioned is None else self.captioned[part]
        return type(self)(rows(self.sentences, part), self.compatible[joint][:, joint], captioned)


def draw_prompts(batch: Batch, data_spec: DataSpec, tokenizer: Tokenizer, rng: torch.Generator) -> Prompts:
    """One of each picture's captions, all equally likely.

    Where the data have a world, truth decides what is compatible. Elsewhere a sentence fits a picture when it has the
    same set of words as what is said of it here or in any of its references.
    """
    numbers = own_share(torch.randint(batch.tokens.shape[1], (num_devices() * len(batch),), generator=rng))
    sentences = batch.pick(numbers)
    joint = gather_ragged(sentences.tokens).tolist()
    if data_spec.world is None:
        compatible = said_of_pictures(sentences.tokens.tolist(), batch.references, joint, tokenizer)
    else:
        scenes = [scene for scene in batch.scenes if scene is not None]
        compatible = true_of_scenes([tokenizer.decode(row) for row in joint], scenes, data_spec.languages)
    compatible = gather(compatible.to(batch.tokens.device))
    if batch.captioned is not None:
        compatible = compatible | ~gather(batch.captioned)
    return Prompts(sentences, compatible, batch.captioned)


def said_of_pictures(
    own_sentences: Sequence[Sequence[int]],
    references: Sequence[Sequence[str]],
    sentences: Sequence[Sequence[int]],
    tokenizer: Tokenizer,
) -> Bool[Tensor, "batch joint"]:
    """Element (i, j): sentence j is made of the words of picture i's own sentence, or of one of its references."""
    places: dict[frozenset[int], list[int]] = {}
    for j, ids in enumerate(sentences):
        places.setdefault(frozenset(ids) - SPECIAL_IDS, []).append(j)
    compatible = [[False] * len(sentences) for _ in own_sentences]
    for i, own in enumerate(frozenset(ids) - SPECIAL_IDS for ids in own_sentences):
        others = (frozenset(tokenizer.encode(text)) - SPECIAL_IDS for text in (references[i] if references else ()))
        for j in chain.from_iterable(places.get(words, ()) for words in (own, *others)):
            compatible[i][j] = True
    return torch.tensor(compatible)


def rows_of(text: TextFeatures, index: Int[Tensor, " batch"]) -> TextFeatures:
    """The same sentences in another order."""
    return TextFeatures(*(part[index] for part in text))
