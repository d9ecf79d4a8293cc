"""Drawing codes: one after the other, or many at a time where they are hidden.

Every choice takes one uniform number of the image's own, so that an image does not depend on those beside it.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.decoding.drawing import drawn_place
from diptych.decoding.sampling import nucleus


def drawn(
    logits: Float[Tensor, "... codes"], uniform: Float[Tensor, "..."], *, temperature: float = 1.0, top_p: float = 1.0
) -> Int[Tensor, "..."]:
    """The code at which the cumulated probability passes each uniform number; temperature 0 takes the likeliest."""
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = (logits.float() / temperature).softmax(dim=-1)
    if top_p < 1:
        probabilities = nucleus(probabilities, top_p)
    return drawn_place(probabilities, uniform.expand(probabilities.shape[:-1]))


def guided_logits(logits: Float[Tensor, "..."], others: Float[Tensor, "..."], scale: float) -> Float[Tensor, "..."]:
    """Log-probabilities moved away from those without the sentence; 1 leaves them, 0 is without the sentence."""
    return torch.lerp(others.log_softmax(dim=-1), logits.log_softmax(dim=-1), scale)


def mask_ratio(progress: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """The share of codes that are hidden, from 1 at progress 0 to 0 at 1.

    The arccos schedule of Besnier & Chen 2023 (arXiv:2310.14400).
    """
    return torch.acos(progress) * (2 / math.pi)


def num_hidden(places: int, steps: int) -> list[int]:
    """How many codes are hidden after each of so many steps: fewer each time, none in the end."""
    ratios = mask_ratio(torch.linspace(0, 1, steps + 1, dtype=torch.float64)[1:])
    counts, before = [], places
    for step, ratio in enumerate(ratios.tolist()):
        left = steps - step - 1
        before = min(max(round(ratio * places), left), before - 1) if before else 0
        counts.append(max(before, 0))
    counts[-1] = 0
    return counts
