"""Greedy search and sampling: one hypothesis per row, token by token."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.decoding.interface import (
    Decoded,
    Restriction,
    State,
    StepFunction,
    first_tokens,
    unrestricted,
    word_log_probs,
)
from diptych.types import EOS_ID, PAD_ID

Draw = Callable[[Float[Tensor, "rows vocabulary"]], Int[Tensor, " rows"]]
"""Probabilities -> one token of each row."""

Choice = Callable[[Float[Tensor, "rows vocabulary"], int], Int[Tensor, " rows"]]
"""(log-probabilities of the next token, how many there are before it) -> that token of each row."""


def greedy(step: StepFunction, state: State, *, max_length: int, restrict: Restriction = unrestricted) -> Decoded:
    """The likeliest token at every step. `max_length` counts <eos>, not <bos>."""
    return decode_rows(step, state, lambda log_probs, _: log_probs.argmax(dim=-1), max_length, restrict)


def sample(
    step: StepFunction,
    state: State,
    *,
    max_length: int,
    rng: torch.Generator,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    restrict: Restriction = unrestricted,
) -> Decoded:
    """As `sample_rows`, all rows from one generator."""

    def draw(probabilities: Float[Tensor, "rows vocabulary"]) -> Int[Tensor, " rows"]:
        return torch.multinomial(probabilities, 1, generator=rng).squeeze(-1)

    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "restrict": restrict}
    return sample_rows(step, state, max_length=max_length, draw=draw, **settings)


def sample_rows(
    step: StepFunction,
    state: State,
    *,
    max_length: int,
    draw: Draw,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    restrict: Restriction = unrestricted,
) -> Decoded:
    """Tokens drawn at a temperature, from the `top_k` likeliest (0: all), then from the nucleus that holds `top_p`.

    The nucleus is the fewest tokens that hold so much of the probability that is left (Holtzman et al. 2020,
    arXiv:1904.09751). `draw` takes one token of each row, by probabilities that need not sum to one.
    """
    if temperature <= 0 or not 0 < top_p <= 1 or top_k < 0:
        raise ValueError(
            f"temperature={temperature} must be above 0 and top_p={top_p} in (0, 1], top_k={top_k} at least 0"
        )

    def choose(log_probs: Float[Tensor, "rows vocabulary"], _: int) -> Int[Tensor, " rows"]:
        probabilities = (log_probs / temperature).softmax(dim=-1)
        if top_k:
            probabilities = likeliest(probabilities, top_k)
        return draw(nucleus(probabilities, top_p))

    return decode_rows(step, state, choose, max_length, restrict)


def likeliest(probabilities: Float[Tensor, "rows vocabulary"], top_k: int) -> Float[Tensor, "rows vocabulary"]:
    """Zero outside the `top_k` likeliest tokens, and renormalised (Fan et al. 2018, arXiv:1805.04833)."""
    kept, places = probabilities.topk(min(top_k, probabilities.shape[-1]), dim=-1)
    return torch.zeros_like(probabilities).scatter(-1, places, kept / kept.sum(dim=-1, keepdim=True))


def nucleus(probabilities: Float[Tensor, "rows vocabulary"], top_p: float) -> Float[Tensor, "rows vocabulary"]:
    """Zero outside the fewest tokens that hold `top_p` together; the likeliest always stays. Not renormalised."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    return torch.zeros_like(probabilities).scatter(-1, order, ordered.masked_fill(before >= top_p, 0.0))


@torch.no_grad()
def decode_rows(
    step: StepFunction, state: State, choose: Choice, max_length: int, restrict: Restriction = unrestricted
) -> Decoded:
    """One token after the other as `choose` says, until every row has said <eos>, or `max_length`, which counts it."""
    tokens = first_tokens(state)
    done = torch.zeros_like(tokens, dtype=torch.bool)
    log_prob = torch.zeros(len(tokens), device=tokens.device)
    decoded = torch.full((len(tokens), max_length), PAD_ID, device=tokens.device)
    time = 0
    while time < max_length and not done.all():
        logits, state = step(tokens, state)
        log_probs = word_log_probs(logits)
        chosen = choose(restrict(log_probs, decoded[:, :time]), time)
        log_prob = log_prob + log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).masked_fill(done, 0.0)
        tokens = chosen.masked_fill(done, PAD_ID)
        done = done | (tokens == EOS_ID)
        decoded[:, time] = tokens
        time += 1
    return Decoded(decoded[:, :time], log_prob, log_prob)
