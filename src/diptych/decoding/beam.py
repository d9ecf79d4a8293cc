"""Beam search over a batch of images: the `width` best hypotheses of each image.

One score ranks finished and unfinished hypotheses: log-probability over length to a power. A finished hypothesis is
never extended, and the best finished ones of each image are kept even if unfinished ones push them out of the beam. If
too few have finished at `max_length`, the best unfinished ones follow them. Width 1 is greedy search; a width that
drops nothing is exhaustive search.

With `groups`, each group searches by itself with its share of the width, and at each step avoids the tokens that the
groups before it have just taken: diverse beam search with the Hamming penalty (Vijayakumar et al. 2016,
arXiv:1610.02424). The penalty chooses; the scores stay the model's.

With `required` phrases, the width is divided among the hypotheses by how much of the phrases they have, so that those
which have more of them are not pushed out: dynamic beam allocation (Post & Vilar 2018, arXiv:1804.06609). Every
continuation is a candidate here, and so are those with the next token of a phrase.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.decoding.interface import (
    Decoded,
    Restriction,
    State,
    StepFunction,
    first_tokens,
    reordered,
    repeated,
    unrestricted,
    word_log_probs,
)
from diptych.decoding.phrases import Phrases
from diptych.decoding.restrictions import containing, together
from diptych.types import EOS_ID, PAD_ID

NO_PHRASES = Phrases()


class _Hypotheses(NamedTuple):
    """Captions of each search; `tokens` are <pad> after the last token so far. A search is one group of one image.

    `log_prob` is the model's, `value` what restrictions make of it, `met` how many tokens of the phrases there are.
    """

    tokens: Int[Tensor, "searches width max_length"]
    log_prob: Float[Tensor, "searches width"]
    value: Float[Tensor, "searches width"]
    score: Float[Tensor, "searches width"]
    finished: Bool[Tensor, "searches width"]
    met: Int[Tensor, "searches width"]

    def taken(self, index: Int[Tensor, "searches new_width"]) -> "_Hypotheses":
        """The hypotheses at these places of each search."""
        tokens = self.tokens.gather(1, index.unsqueeze(-1).expand(-1, -1, self.tokens.shape[-1]))
        return _Hypotheses(tokens, *(field.gather(1, index) for field in self[1:]))

    def followed_by(self, others: "_Hypotheses") -> "_Hypotheses":
        """These and the others of each search."""
        return _Hypotheses(*(torch.cat(pair, dim=1) for pair in zip(self, others, strict=True)))


@dataclass(frozen=True)
class _Settings:
    """How hypotheses are extended; `width` is that of one group."""

    width: int
    groups: int
    length_power: float
    diversity_penalty: float
    restrict: Restriction
    required: Phrases


@torch.no_grad()
def beam(
    step: StepFunction,
    state: State,
    *,
    width: int,
    max_length: int,
    length_power: float = 1.0,
    num_best: int = 1,
    groups: int = 1,
    diversity_penalty: float = 0.5,
    restrict: Restriction = unrestricted,
    required: Phrases = NO_PHRASES,
) -> Decoded:
    """The `num_best` best captions found for each image, best first; with groups, as many of each as divide evenly.

    `max_length` counts <eos>, not <bos>. `length_power` 0 compares whole log-probabilities, which favours short
    captions; 1 compares log-probability per token. `width` is that of all groups together.
    """
    _check(width, num_best, groups)
    per_group = -(-num_best // groups)
    if len(required):
        restrict = together(restrict, containing(required))
    settings = _Settings(width // groups, groups, length_power, diversity_penalty, restrict, required)
    state = repeated(state, groups)
    last = first_tokens(state)
    live, best = _hypotheses(last, 1, max_length, 0.0), _hypotheses(last, per_group, max_length, -torch.inf)
    for time in range(max_length):
        logits, state = step(last, state)
        live, parents, is_new = _extended(live, word_log_probs(logits), time, settings)
        best = _best_of(best, live, is_new)
        if _settled(best, live, max_length**length_power):
            break
        state = reordered(state, parents)
        last = live.tokens[:, :, time].flatten()
    return _decoded(_filled(best, live), groups, num_best)


def _check(width: int, num_best: int, groups: int) -> None:
    if width < 1:
        raise ValueError(f"beam={width}: a beam has at least one hypothesis")
    if not 1 <= num_best <= width:
        raise ValueError(f"num_captions={num_best}: a beam of {width} gives between 1 and {width}; widen it (beam=…)")
    if groups < 1 or width % groups:
        raise ValueError(f"diverse_groups={groups}: divide beam={width} evenly among at least one group")


def _hypotheses(last: Tensor, width: int, max_length: int, score: float) -> _Hypotheses:
    """Empty hypotheses of each search."""
    tokens = torch.full((len(last), width, max_length), PAD_ID, device=last.device)
    scores, none = torch.full(tokens.shape[:2], score, device=last.device), torch.zeros_like(tokens[:, :, 0])
    return _Hypotheses(tokens, scores, scores, scores, none.bool(), none)


def _extended(
    live: _Hypotheses, log_probs: Tensor, time: int, settings: _Settings
) -> tuple[_Hypotheses, Int[Tensor, " rows"], Bool[Tensor, "searches width"]]:
    """The best continuations, the state's row that each continues, and which of them have just finished."""
    searches, old_width, _ = live.tokens.shape
    vocabulary, so_far = log_probs.shape[-1], live.tokens[:, :, :time].flatten(0, 1)
    log_prob = _continued(live.log_prob, live.finished, log_probs)
    value = log_prob
    if settings.restrict is not unrestricted:
        value = _continued(live.value, live.finished, settings.restrict(log_probs, so_far))
    lengths = torch.where(live.finished, (live.tokens != PAD_ID).sum(-1), time + 1)
    scores = value / lengths.pow(settings.length_power).repeat_interleave(vocabulary, dim=1)
    met = settings.required.met_after(so_far, vocabulary).view(searches, -1) if len(settings.required) else None
    choice = _chosen(scores.unflatten(1, (old_width, -1)), met, live.tokens.shape[-1] - time - 1, settings)
    parents, words = choice // vocabulary, choice % vocabulary
    continued = live.taken(parents)
    continued.tokens[:, :, time] = words
    is_new = (words == EOS_ID) & ~continued.finished
    rows = parents + old_width * torch.arange(searches, device=parents.device).unsqueeze(1)
    kept = continued._replace(
        log_prob=log_prob.gather(1, choice),
        value=value.gather(1, choice),
        score=scores.gather(1, choice),
        finished=continued.finished | is_new,
        met=continued.met if met is None else met.gather(1, choice),
    )
    return kept, rows.flatten(), is_new


def _continued(before: Tensor, finished: Tensor, log_probs: Tensor) -> Float[Tensor, "searches continuations"]:
    """The sums after every continuation of every hypothesis; a finished one continues with <pad> alone."""
    only_pad = torch.full_like(log_probs[0], -torch.inf)
    only_pad[PAD_ID] = 0.0
    following = torch.where(finished.unsqueeze(-1), only_pad, log_probs.view(*finished.shape, -1))
    return (before.unsqueeze(-1) + following).flatten(1)


def _chosen(
    scores: Float[Tensor, "searches old_width vocabulary"], met: Tensor | None, left: int, settings: _Settings
) -> Int[Tensor, "searches width"]:
    """The continuations that are kept, group by group: what one group takes costs the others a penalty."""
    if settings.groups == 1:
        return _places(scores.flatten(1), met, left, settings)
    by_group, (_, old_width, vocabulary) = scores.flatten(1).unflatten(0, (-1, settings.groups)), scores.shape
    met_by_group = None if met is None else met.unflatten(0, (-1, settings.groups))
    taken = scores.new_zeros(len(by_group), vocabulary)
    places = []
    for group in range(settings.groups):
        penalty = settings.diversity_penalty * taken.repeat(1, old_width)
        known = None if met_by_group is None else met_by_group[:, group]
        places.append(_places(by_group[:, group] - penalty, known, left, settings))
        words = places[-1] % vocabulary
        taken = taken.scatter_add(1, words, (words != PAD_ID).to(taken))
    return torch.stack(places, dim=1).flatten(0, 1)


def _places(scores: Tensor, met: Tensor | None, left: int, settings: _Settings) -> Int[Tensor, "searches width"]:
    """The best ones; with phrases the best of each number of tokens met in turn, those with more of them first.

    Behind these come hypotheses that have too few of the phrases for the steps that are `left`.
    """
    width = min(settings.width, scores.shape[1])
    if met is None:
        return scores.topk(width).indices
    all_met = len(settings.required)
    banks = [(scores.masked_fill(met != number, -torch.inf).topk(width)) for number in range(all_met, -1, -1)]
    best = torch.stack([bank.values for bank in banks], dim=-1)
    is_late = torch.arange(all_met + 1, device=scores.device) > left
    last = torch.where(best.isneginf(), 2, is_late.int()).flatten(1)
    places = torch.stack([bank.indices for bank in banks], dim=-1).flatten(1)
    return places.gather(1, last.argsort(dim=1, stable=True)[:, :width])


def _best_of(best: _Hypotheses, live: _Hypotheses, is_new: Tensor) -> _Hypotheses:
    """As many as there were, of these and the new ones; those that were there first stay where scores are equal."""
    both = best.followed_by(live._replace(score=live.score.masked_fill(~is_new, -torch.inf)))
    order = both.score.argsort(dim=1, descending=True, stable=True)
    return both.taken(order[:, : best.score.shape[1]])


def _filled(best: _Hypotheses, live: _Hypotheses) -> _Hypotheses:
    """The finished hypotheses; where they are too few, then unfinished ones, first those with more of the phrases."""
    live = live.taken(live.score.argsort(dim=1, descending=True, stable=True))
    live = live.taken(live.met.argsort(dim=1, descending=True, stable=True))
    both = best.followed_by(live._replace(score=live.score.masked_fill(live.finished, -torch.inf)))
    order = both.score.isneginf().int().argsort(dim=1, stable=True)
    return both.taken(order[:, : best.score.shape[1]])


def _settled(best: _Hypotheses, live: _Hypotheses, longest: float) -> bool:
    """Whether no unfinished hypothesis can still win: log-probabilities never rise and lengths are bounded."""
    reachable = (live.value / longest).masked_fill(live.finished, -torch.inf)
    return bool((best.score[:, -1:] >= reachable.max(dim=1, keepdim=True).values).all())


def _decoded(best: _Hypotheses, groups: int, num_best: int) -> Decoded:
    """The captions of each image: the best of each group, then the second ones, as many as asked for, best first."""
    images, each = len(best.score) // groups, best.score.shape[1]
    tokens = best.tokens.view(images, groups, each, -1).transpose(1, 2).flatten(1, 2)[:, :num_best]
    log_prob, score = (
        field.view(images, groups, each).transpose(1, 2).flatten(1)[:, :num_best]
        for field in (best.log_prob, best.score)
    )
    order = torch.arange(num_best, device=score.device).expand(images, -1)
    if groups > 1:
        order = score.argsort(dim=1, descending=True, stable=True)
    longest = max(1, int((tokens != PAD_ID).sum(-1).max()))
    tokens = tokens.gather(1, order.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))[..., :longest]
    return Decoded(tokens.flatten(0, 1), log_prob.gather(1, order).flatten(), score.gather(1, order).flatten())
