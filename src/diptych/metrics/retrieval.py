"""Retrieval: how often what belongs to a query is ranked first, or among the first.

R-precision (Xu et al. 2018, arXiv:1711.10485) ranks 100 sentences, one of them the image's own, by the cosine of an
encoder's vectors. With `r_precision`, a captioner's log-probabilities rank them: each is taken relative to how likely
the captioner finds that sentence for all images of the block together, so that short and common sentences have no
advantage.
"""

from math import exp, lgamma, log

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def r_precision(
    log_probs: Float[Tensor, "n n"], is_candidate: Bool[Tensor, "n n"] | None = None
) -> Float[Tensor, " n"]:
    """1 where image i's own sentence i is ranked first, 0 where it is not; of k equally good ones 1/k.

    `log_probs[i, j]` is of sentence j given image i. Where `is_candidate[i, j]` is false, sentence j is left out for
    image i, as one that is true of it too; the own sentence always stays.
    """
    exact = log_probs.double()
    scores = exact - (exact.logsumexp(dim=0) - log(len(exact)))
    own = scores.diagonal().clone()
    if is_candidate is not None:
        scores = scores.masked_fill(~is_candidate, -torch.inf)
    scores.fill_diagonal_(-torch.inf)
    best = scores.amax(dim=1)
    close = 1e-9 * (1 + own.abs())
    ties = ((scores - own[:, None]).abs() <= close[:, None]).sum(dim=1)
    return torch.where(own >= best - close, 1 / (1 + ties), 0.0)


def recall_hits(
    scores: Float[Tensor, "queries items"], relevant: Bool[Tensor, "queries items"], k: int
) -> Bool[Tensor, " queries"]:
    """Whether a relevant item is among the k of highest score; of equal scores the irrelevant one comes first.

    So a network that finds everything alike is never right. Nor is one whose scores are not numbers.
    """
    best = scores.masked_fill(~relevant, -torch.inf).amax(dim=1, keepdim=True)
    before = (~relevant & ~(scores < best)).sum(dim=1)
    return relevant.any(dim=1) & (before < k)


def recall_by_chance(relevant: Bool[Tensor, "queries items"], k: int) -> Float[Tensor, " queries"]:
    """The probability of a relevant item among k that are drawn without looking: hypergeometric."""
    num_items, counts = relevant.shape[1], relevant.sum(dim=1).tolist()
    return torch.tensor([1 - _all_irrelevant(num_items, count, min(k, num_items)) for count in counts]).double()


def draw_distractors(
    wrong: Bool[Tensor, "queries items"], number: int, rng: torch.Generator
) -> Bool[Tensor, "queries items"]:
    """For each query at most `number` of the items that are wrong of it, all equally likely, none twice."""
    order = torch.rand(wrong.shape, generator=rng, dtype=torch.float64).masked_fill(~wrong, torch.inf)
    ranks = order.argsort(dim=1).argsort(dim=1)
    return wrong & (ranks < number)


def ranked_first(
    scores: Float[Tensor, "queries items"], own: Int[Tensor, " queries"], distractors: Bool[Tensor, "queries items"]
) -> Bool[Tensor, " queries"]:
    """Whether the item `own[i]` scores higher than every distractor of query i; equal scores are no hit."""
    mine = scores.gather(1, own[:, None])
    return ~(distractors & ~(scores < mine)).any(dim=1)


def _all_irrelevant(num_items: int, num_relevant: int, k: int) -> float:
    """C(n - m, k) / C(n, k), by logarithms."""
    others = num_items - num_relevant
    if k > others:
        return 0.0
    return exp(lgamma(others + 1) - lgamma(others - k + 1) - lgamma(num_items + 1) + lgamma(num_items - k + 1))
