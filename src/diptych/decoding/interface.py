"""What all searches share: the decoder's step, its state, restrictions, and the captions they return."""

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

Restriction = Callable[[Float[Tensor, "rows vocabulary"], Int[Tensor, "rows time"]], Float[Tensor, "rows vocabulary"]]
"""(log-probabilities of the next token, the tokens so far without <bos>) -> what the search ranks by.

`diptych.decoding.restrictions` has those there are.
"""


class Decoded(NamedTuple):
    """Captions, those of one image side by side. `tokens` end with <eos>, then <pad>; one that is cut has no <eos>.

    There is no <bos>. `log_prob` is the model's log-probability of the tokens, `score` the search's ranking. A row with
    score minus infinity holds no caption: fewer were found than asked for.
    """

    tokens: Int[Tensor, "rows length"]
    log_prob: Float[Tensor, " rows"]
    score: Float[Tensor, " rows"]


Search = Callable[..., Decoded]
"""(step, state, *, max_length) -> captions: `greedy`, or `beam` and `sample` with their settings in a `partial`."""


def unrestricted(log_probs: Float[Tensor, "rows vocabulary"], tokens: Int[Tensor, "rows time"]) -> Tensor:
    """The restriction that allows everything."""
    return log_probs


def word_log_probs(logits: Float[Tensor, "rows vocabulary"]) -> Float[Tensor, "rows vocabulary"]:
    """The model's log-probabilities; minus infinity for <pad> and <bos>, which no caption contains."""
    return words_alone(logits.float().log_softmax(dim=-1))


def words_alone(logits: Float[Tensor, "... vocabulary"]) -> Float[Tensor, "... vocabulary"]:
    """Logits or log-probabilities with minus infinity for <pad> and <bos>, differentiable in the others."""
    return logits.index_fill(-1, torch.tensor([PAD_ID, BOS_ID], device=logits.device), -torch.inf)


def reordered(state: State, rows: Int[Tensor, " rows"]) -> State:
    """The state whose row i is the old row `rows[i]`, in every leaf."""
    if isinstance(state, Tensor):
        return state[rows]
    return tuple(reordered(leaf, rows) for leaf in state)


def repeated(state: State, times: int) -> State:
    """Each row of the state so many times, copies side by side."""
    if times == 1:
        return state
    tokens = first_tokens(state)
    return reordered(state, torch.arange(len(tokens), device=tokens.device).repeat_interleave(times))


def first_tokens(state: State) -> Int[Tensor, " rows"]:
    """<bos> for every row of the state."""
    while not isinstance(state, Tensor):
        state = state[0]
    return torch.full((len(state),), BOS_ID, dtype=torch.long, device=state.device)
