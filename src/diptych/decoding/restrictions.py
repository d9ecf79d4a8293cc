"""What captions may not be, whatever a search finds: functions that every search takes.

A restriction is given log-probabilities of the next token and the tokens so far, without <bos>, a row for each
hypothesis. It gives back log-probabilities by which the search ranks: minus infinity where a token must not follow.
They are not renormalised. `together` composes several. A restriction knows nothing but the tokens so far, so there is
no state to reorder.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.decoding.interface import Restriction
from diptych.decoding.phrases import Phrases, states_after
from diptych.decoding.spelling import SpeltPhrase
from diptych.types import EOS_ID, PAD_ID

LogProbs = Float[Tensor, "rows vocabulary"]
Hypotheses = Int[Tensor, "rows time"]
DEAD_END = -1e4
"""What ending costs, in nats, where no token may follow: more than any caption that keeps the restrictions."""


def together(*restrictions: Restriction) -> Restriction:
    """All of them, one after the other. A hypothesis that no token may follow ends, and ranks behind all others."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        for restriction in restrictions:
            log_probs = restriction(log_probs, tokens)
        is_dead = log_probs.isneginf().all(dim=-1, keepdim=True)
        return torch.where(is_dead, _only(log_probs, EOS_ID, log_probs.new_tensor(DEAD_END)), log_probs)

    return restricted


def beginning_with(prefix: Sequence[int], afterwards: Restriction) -> Restriction:
    """These tokens first, whatever else is restricted; `afterwards` holds behind them."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        time = tokens.shape[1]
        if time >= len(prefix):
            return afterwards(log_probs, tokens)
        return _only(log_probs, prefix[time], log_probs[:, prefix[time] : prefix[time] + 1])

    return restricted


def at_least(num_tokens: int) -> Restriction:
    """No end before so many tokens; <eos> does not count."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        return _without(log_probs, EOS_ID) if tokens.shape[1] < num_tokens else log_probs

    return restricted


def at_most(num_tokens: int) -> Restriction:
    """The end after so many tokens; <eos> does not count."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        if tokens.shape[1] < num_tokens:
            return log_probs
        return _only(log_probs, EOS_ID, log_probs[:, EOS_ID : EOS_ID + 1])

    return restricted


def without(phrases: Sequence[Sequence[int]]) -> Restriction:
    """None of these phrases (a token is a phrase of one) anywhere in the caption."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        for *before, last in phrases:
            start = tokens.shape[1] - len(before)
            if start >= 0:
                completes = (tokens[:, start:] == tokens.new_tensor(before)).all(dim=1, keepdim=True)
                log_probs = torch.where(completes, _without(log_probs, last), log_probs)
        return log_probs

    return restricted


def without_spelt(phrases: Sequence[SpeltPhrase]) -> Restriction:
    """None of these phrases anywhere in the caption, whatever tokens spell them."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        for phrase in phrases:
            states = states_after(phrase.moves.to(tokens.device), tokens)
            log_probs = log_probs.masked_fill(phrase.completing.to(tokens.device)[states], -torch.inf)
        return log_probs

    return restricted


def without_repeated_ngrams(length: int) -> Restriction:
    """No run of so many tokens twice in a caption (Paulus et al. 2018, arXiv:1705.04304); 1: no token twice."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        if tokens.shape[1] < length:
            return log_probs
        ngrams = tokens.unfold(1, length, 1)
        ending = tokens[:, tokens.shape[1] - length + 1 :].unsqueeze(1)
        begun = (ngrams[..., :-1] == ending).all(dim=-1)
        barred = torch.where(begun, ngrams[..., -1], PAD_ID)
        return log_probs.scatter(1, barred, -torch.inf)

    return restricted


def repetition_penalty(factor: float) -> Restriction:
    """Log-probabilities of tokens that the caption has already, times a factor of 1 or more.

    Keskar et al. 2019 (arXiv:1909.05858) divide positive logits and multiply negative ones; log-probabilities are never
    positive, so that the penalty does not depend on a constant in the logits.
    """

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        return log_probs.scatter(1, tokens, factor * log_probs.gather(1, tokens))

    return restricted


def containing(phrases: Phrases) -> Restriction:
    """No end before the caption contains every phrase; `beam` finds such captions with few hypotheses."""

    def restricted(log_probs: LogProbs, tokens: Hypotheses) -> LogProbs:
        is_whole = (phrases.met(tokens) == len(phrases)).unsqueeze(1)
        return torch.where(is_whole, log_probs, _without(log_probs, EOS_ID))

    return restricted


def _without(log_probs: LogProbs, token: int) -> LogProbs:
    return log_probs.index_fill(1, torch.tensor([token], device=log_probs.device), -torch.inf)


def _only(log_probs: LogProbs, token: int, value: Tensor) -> LogProbs:
    alone = torch.full_like(log_probs, -torch.inf)
    alone[:, token : token + 1] = value
    return alone
