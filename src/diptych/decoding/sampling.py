"""Greedy search and sampling: one hypothesis per image, token by token."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.decoding.interface import Decoded, State, StepFunction, first_tokens, word_log_probs
from diptych.types import EOS_ID, PAD_ID

Choice = Callable[[Float[Tensor, "rows vocabulary"]], Int[Tensor, " rows"]]


def greedy(step: StepFunction, state: State, *, max_length: int) -> Decoded:
    """The likeliest token at every step. `max_length` counts <eos>, not <bos>."""
    return _decode(step, state, lambda log_probs: log_probs.argmax(dim=-1), max_length)


def sample(
    step: StepFunction,
    state: State,
    *,
    max_length: int,
    rng: torch.Generator,
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Decoded:
    """Nucleus sampling (Holtzman et al. 2020): from the fewest tokens that hold `top_p` of the probability."""
    if temperature <= 0 or not 0 < top_p <= 1:
        raise ValueError(f"temperature={temperature} must be above 0 and top_p={top_p} in (0, 1]")

    def draw(log_probs: Float[Tensor, "rows vocabulary"]) -> Int[Tensor, " rows"]:
        probabilities = nucleus((log_probs / temperature).softmax(dim=-1), top_p)
        return torch.multinomial(probabilities, 1, generator=rng).squeeze(-1)

    return _decode(step, state, draw, max_length)


def nucleus(probabilities: Float[Tensor, "rows vocabulary"], top_p: float) -> Float[Tensor, "rows vocabulary"]:
    """Zero outside the fewest tokens that hold `top_p` together; the likeliest always stays. Not renormalised."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    return torch.zeros_like(probabilities).scatter(-1, order, ordered.masked_fill(before >= top_p, 0.0))


@torch.no_grad()
def _decode(step: StepFunction, state: State, choose: Choice, max_length: int) -> Decoded:
    tokens = first_tokens(state)
    done = torch.zeros_like(tokens, dtype=torch.bool)
    log_prob = torch.zeros(len(tokens), device=tokens.device)
    decoded = []
    while len(decoded) < max_length and not done.all():
        logits, state = step(tokens, state)
        log_probs = word_log_probs(logits)
        chosen = choose(log_probs)
        log_prob = log_prob + log_probs.gather(1, chosen.unsqueeze(1)).squeeze(1).masked_fill(done, 0.0)
        tokens = chosen.masked_fill(done, PAD_ID)
        done = done | (tokens == EOS_ID)
        decoded.append(tokens)
    return Decoded(torch.stack(decoded, 1), log_prob, log_prob)
