"""What all searches share: the decoder's step, its state, and the captions they return."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.types import BOS_ID, PAD_ID

State = Any
"""A tensor whose first axis is the hypotheses, or a nested tuple of such tensors."""

StepFunction = Callable[[Tensor, State], tuple[Tensor, State]]
"""(last tokens, state) -> (logits over the next token, next state)."""


class Decoded(NamedTuple):
    """One caption per image. `tokens` end with <eos>, then <pad>; a caption cut at the maximum length has no <eos>.

    There is no <bos>. `log_prob` is the model's log-probability of the tokens, `score` the search's ranking.
    """

    tokens: Int[Tensor, "images length"]
    log_prob: Float[Tensor, " images"]
    score: Float[Tensor, " images"]


Search = Callable[..., Decoded]
"""(step, state, *, max_length) -> captions: `greedy`, or `beam` and `sample` with their settings in a `partial`."""


def word_log_probs(logits: Float[Tensor, "rows vocabulary"]) -> Float[Tensor, "rows vocabulary"]:
    """The model's log-probabilities; minus infinity for <pad> and <bos>, which no caption contains."""
    log_probs = logits.float().log_softmax(dim=-1)
    log_probs[:, [PAD_ID, BOS_ID]] = -torch.inf
    return log_probs


def reordered(state: State, rows: Int[Tensor, " rows"]) -> State:
    """The state whose row i is the old row `rows[i]`, in every leaf."""
    if isinstance(state, Tensor):
        return state[rows]
    return tuple(reordered(leaf, rows) for leaf in state)


def first_tokens(state: State) -> Int[Tensor, " rows"]:
    """<bos> for every row of the state."""
    while not isinstance(state, Tensor):
        state = state[0]
    return torch.full((len(state),), BOS_ID, dtype=torch.long, device=state.device)
