"""Beam search over a batch of images: the `width` best hypotheses of each image.

One score ranks finished and unfinished hypotheses: log-probability over length to a power. A finished hypothesis is
never extended, and the best finished one of each image is kept even if unfinished ones push it out of the beam. If
none has finished at `max_length`, the best unfinished one is returned. Width 1 is greedy search; a width that drops
nothing is exhaustive search.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.decoding.interface import Decoded, State, StepFunction, first_tokens, reordered, word_log_probs
from diptych.types import EOS_ID, PAD_ID


class _Hypotheses(NamedTuple):
    """`width` captions per image, best first; `tokens` are <pad> after the last token so far."""

    tokens: Int[Tensor, "images width max_length"]
    log_prob: Float[Tensor, "images width"]
    score: Float[Tensor, "images width"]
    finished: Bool[Tensor, "images width"]


@torch.no_grad()
def beam(step: StepFunction, state: State, *, width: int, max_length: int, length_power: float = 1.0) -> Decoded:
    """The best caption found for each image.

    `max_length` counts <eos>, not <bos>. `length_power` 0 compares whole log-probabilities, which favours short
    captions; 1 compares log-probability per token.
    """
    if width < 1:
        raise ValueError(f"beam={width}: a beam has at least one hypothesis")
    last = first_tokens(state)
    live = _empty_hypotheses(last, max_length)
    best = live._replace(score=torch.full_like(live.score, -torch.inf))
    for time in range(max_length):
        logits, state = step(last, state)
        live, parents = _extended(live, word_log_probs(logits), time, width, length_power)
        best = _choose(live.score.masked_fill(~live.finished, -torch.inf) > best.score, live, best)
        if _settled(best, live, max_length**length_power):
            break
        state = reordered(state, parents)
        last = live.tokens[:, :, time].flatten()
    best = _choose(best.score == -torch.inf, live, best)
    longest = int((best.tokens != PAD_ID).sum(-1).max())
    return Decoded(best.tokens[:, 0, :longest], best.log_prob[:, 0], best.score[:, 0])


def _empty_hypotheses(last: Tensor, max_length: int) -> _Hypotheses:
    """One empty hypothesis per image, so that the first step does not extend `width` equal ones."""
    tokens = torch.full((len(last), 1, max_length), PAD_ID, device=last.device)
    zero = torch.zeros(len(last), 1, device=last.device)
    return _Hypotheses(tokens, zero, zero, zero.bool())


def _extended(
    live: _Hypotheses, log_probs: Tensor, time: int, width: int, length_power: float
) -> tuple[_Hypotheses, Int[Tensor, " rows"]]:
    """The best `width` continuations, and the state's row that each continues."""
    images, old_width, _ = live.tokens.shape
    vocabulary = log_probs.shape[-1]
    only_pad = torch.full_like(log_probs[0], -torch.inf)
    only_pad[PAD_ID] = 0.0
    following = torch.where(live.finished.unsqueeze(-1), only_pad, log_probs.view(images, old_width, vocabulary))
    log_prob = (live.log_prob.unsqueeze(-1) + following).flatten(1)
    lengths = torch.where(live.finished, (live.tokens != PAD_ID).sum(-1), time + 1)
    scores = log_prob / lengths.pow(length_power).repeat_interleave(vocabulary, dim=1)
    score, choice = scores.topk(min(width, scores.shape[1]))
    parents, words = choice // vocabulary, choice % vocabulary
    tokens = _gather_hypotheses(live.tokens, parents)
    tokens[:, :, time] = words
    finished = live.finished.gather(1, parents) | (words == EOS_ID)
    rows = parents + old_width * torch.arange(images, device=parents.device).unsqueeze(1)
    return _Hypotheses(tokens, log_prob.gather(1, choice), score, finished), rows.flatten()


def _choose(eligible: Bool[Tensor, "images width"], live: _Hypotheses, best: _Hypotheses) -> _Hypotheses:
    """Each image's first eligible hypothesis (they are sorted by score), else its previous one."""
    index = eligible.int().argmax(dim=1, keepdim=True)
    found = eligible.gather(1, index)
    return _Hypotheses(
        torch.where(found.unsqueeze(-1), _gather_hypotheses(live.tokens, index), best.tokens),
        *(torch.where(found, new.gather(1, index), old) for new, old in zip(live[1:], best[1:], strict=True)),
    )


def _gather_hypotheses(tokens: Int[Tensor, "images width length"], index: Int[Tensor, "images new_width"]) -> Tensor:
    return tokens.gather(1, index.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))


def _settled(best: _Hypotheses, live: _Hypotheses, longest: float) -> bool:
    """Whether no unfinished hypothesis can still win: log-probabilities never rise and lengths are bounded."""
    reachable = (live.log_prob / longest).masked_fill(live.finished, -torch.inf)
    return bool((best.score >= reachable.max(dim=1, keepdim=True).values).all())
