"""Sampling captions with random numbers that are given, so that an image's captions depend on its own numbers alone.

They are then the same in any batch, in micro-batches and on any number of devices. Both searches sample from the
model's distribution at temperature 1: by one uniform number a token, or by one Gumbel number a word of the vocabulary,
whose words a Gumbel-softmax can take up again.
"""

from jaxtyping import Float
from torch import Tensor

from diptych.decoding.drawing import drawn_place
from diptych.decoding.interface import Decoded, State, StepFunction
from diptych.decoding.sampling import decode_rows


def sample_by_uniform(
    step: StepFunction, state: State, *, max_length: int, uniform: Float[Tensor, "rows max_length"]
) -> Decoded:
    """Each token is where the cumulated probability passes its number in [0, 1)."""
    return decode_rows(step, state, lambda log_probs, time: drawn_place(log_probs.exp(), uniform[:, time]), max_length)


def sample_by_gumbel(
    step: StepFunction, state: State, *, max_length: int, noise: Float[Tensor, "rows max_length vocabulary"]
) -> Decoded:
    """Each token has the largest sum of log-probability and noise."""
    return decode_rows(step, state, lambda log_probs, time: (log_probs + noise[:, time]).argmax(dim=-1), max_length)
