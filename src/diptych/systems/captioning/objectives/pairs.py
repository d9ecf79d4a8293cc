"""Real captions for a caption discriminator: of each image, and of another image of the joint batch."""

from typing import NamedTuple, Self

from jaxtyping import Bool, Int
from torch import Tensor

from diptych.systems.accumulation import rows
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.systems.gan.mismatches import sample_mismatches, wrong_sentences
from diptych.systems.pairing import draw_prompts
from diptych.types import EOS_ID, PAD_ID, Batch, DataSpec


class Captions(NamedTuple):
    """Captions without <bos>, and where their tokens are real: up to and including the first <eos>."""

    tokens: Int[Tensor, "rows length"]
    mask: Bool[Tensor, "rows length"]

    @classmethod
    def of(cls, tokens: Int[Tensor, "rows length"]) -> Self:
        """Real and sampled captions alike: nothing after the first <eos> counts, nor any <pad>."""
        ended = (tokens == EOS_ID).cumsum(dim=1)
        mask = (tokens != PAD_ID) & ((ended == 0) | ((tokens == EOS_ID) & (ended == 1)))
        return cls(tokens.masked_fill(~mask, PAD_ID), mask)


class RealCaptions(NamedTuple):
    """A caption of each image, one of another image, and whether that one is known to be wrong of it."""

    own: Captions
    others: Captions
    are_wrong: Bool[Tensor, " images"]


def real_captions(step: CaptionStep, data_spec: DataSpec) -> RealCaptions:
    """Of the step's images; drawn once for the joint batch, the same in micro-batches and on any number of devices.

    A caption that is true of the image as well is no negative: by the rules of the world where the data have one,
    elsewhere if it has the words of one of the image's references.
    """
    return rows(step.once("real captions", lambda batch: _drawn(batch, step, data_spec)), step.part)


def _drawn(batch: Batch, step: CaptionStep, data_spec: DataSpec) -> RealCaptions:
    prompts = draw_prompts(batch, data_spec, step.tokenizer, step.system_rng)
    if len(prompts.compatible) < 2:
        raise ValueError(
            "data.batch_size=1: an adversarial caption objective needs captions of other images of the batch, which "
            "are wrong of an image; set data.batch_size to at least 2"
        )
    mismatches = sample_mismatches(prompts.compatible, step.system_rng)
    wrong = wrong_sentences(prompts.sentences, mismatches)
    return RealCaptions(_without_bos(prompts.sentences.tokens), _without_bos(wrong.tokens), mismatches.exist)


def _without_bos(tokens: Int[Tensor, "rows length"]) -> Captions:
    return Captions.of(tokens[:, 1:])


def share_of(right: Bool[Tensor, " rows"]) -> Tensor:
    """The share of true values."""
    return right.float().mean()
