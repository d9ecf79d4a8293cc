"""Several captioners as one: the mean of their probabilities for the next token."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diptych.decoding.interface import State, StepFunction


def mean_log_probs(logits: Sequence[Tensor]) -> Tensor:
    """Log of the mean probability, over members that weigh the same; the last axis is the vocabulary."""
    log_probs = torch.stack([each.float().log_softmax(dim=-1) for each in logits])
    return log_probs.logsumexp(dim=0) - math.log(len(logits))


def mixture(steps: Sequence[StepFunction]) -> StepFunction:
    """The step of an ensemble, whose state is the tuple of its members' states."""

    def step(tokens: Tensor, states: State) -> tuple[Tensor, State]:
        logits, following = zip(
            *(member(tokens, state) for member, state in zip(steps, states, strict=True)), strict=True
        )
        return mean_log_probs(logits), following

    return step
