"""What the decoder reads in place of the reference captions, while it still has to say their words."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from diptych.decoding.drawing import drawn_place
from diptych.decoding.interface import words_alone
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.systems.modes import evaluating
from diptych.types import BOS_ID, UNK_ID, Tokens


def with_unknown_words(step: CaptionStep, inputs: Tokens, prob: float) -> Tokens:
    """The inputs with `<unk>` in place of each word with this probability; <bos> and <pad> stay."""
    return inputs.masked_fill(_chosen(step, "word dropout", prob), UNK_ID)


def with_own_words(step: CaptionStep, prob: float) -> Tokens:
    """The captioner's own words in place of the references' with this probability.

    In two passes over whole sequences, which serve every decoder (Mihaylova & Martins 2019, arXiv:1906.07651): a word
    is drawn from what the decoder predicts after the *reference's* words, not after other words of its own. The first
    pass is without dropout and gradient.
    """
    with torch.no_grad(), evaluating(step.caption_decoder):
        logits = step.reading(step.inputs).logits.float()
    drawn = drawn_place(words_alone(logits).softmax(dim=-1), _numbers(step, "own words"))
    before = F.pad(drawn[:, :-1], (1, 0), value=BOS_ID)
    return torch.where(_chosen(step, "scheduled sampling", prob), before, step.inputs)


def _chosen(step: CaptionStep, name: str, prob: float) -> Bool[Tensor, "rows length"]:
    """Places of real words that are chosen with this probability."""
    is_word = step.target_mask & (step.inputs != BOS_ID)
    return is_word & (_numbers(step, name) < prob)


def _numbers(step: CaptionStep, name: str) -> Float[Tensor, "rows length"]:
    """A uniform number for each place of the inputs."""
    captions, length = step.batch.tokens.shape[1:]
    numbers = step.uniform(name, captions, step.max_length)
    return numbers[..., : length - 1].flatten(0, 1)
