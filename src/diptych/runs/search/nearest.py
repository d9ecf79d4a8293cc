"""Exact search for the vectors nearest to some queries, a block of them at a time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

AT_ONCE = 1 << 16


class Found(NamedTuple):
    """A vector by its number, and its cosine with the query."""

    number: int
    score: float


def nearest(
    queries: Float[np.ndarray, "queries dim"],
    vectors: Float[np.ndarray, "vectors dim"],
    num: int,
    counted: Bool[np.ndarray, " vectors"] | None = None,
) -> list[list[Found]]:
    """For each query the `num` vectors of highest product with it, best first; of equal ones the earlier first.

    `vectors` may lie in a file that is larger than the memory. Those that are not `counted` are passed over. Of vectors
    of length 1 the products are cosines.
    """
    best_scores = np.empty((len(queries), 0), dtype=np.float32)
    best_numbers = np.empty((len(queries), 0), dtype=np.int64)
    for start in range(0, len(vectors), AT_ONCE):
        block = np.asarray(vectors[start : start + AT_ONCE], dtype=np.float32)
        scores = queries.astype(np.float32) @ block.T
        if counted is not None:
            scores[:, ~counted[start : start + AT_ONCE]] = -np.inf
        kept = _highest(scores, num)
        best_scores = np.concatenate([best_scores, np.take_along_axis(scores, kept, axis=1)], axis=1)
        best_numbers = np.concatenate([best_numbers, kept + start], axis=1)
        again = _highest(best_scores, num)
        best_scores = np.take_along_axis(best_scores, again, axis=1)
        best_numbers = np.take_along_axis(best_numbers, again, axis=1)
    return [_found(*row) for row in zip(best_numbers.tolist(), best_scores.tolist(), strict=True)]


def _highest(scores: Float[np.ndarray, "queries items"], num: int) -> Int[np.ndarray, "queries kept"]:
    """The places of the highest scores of each row, best first; of equal ones the earlier."""
    num_items = scores.shape[1]
    if num >= num_items:
        return np.argsort(-scores, axis=1, kind="stable")
    least = -np.partition(-scores, num - 1, axis=1)[:, num - 1 : num]
    return np.stack([_first(row, bound, num) for row, bound in zip(scores, least[:, 0], strict=True)])


def _first(scores: Float[np.ndarray, " items"], least: float, num: int) -> Int[np.ndarray, " num"]:
    candidates = np.flatnonzero(scores >= least)
    return candidates[np.argsort(-scores[candidates], kind="stable")][:num]


def _found(numbers: Sequence[int], scores: Sequence[float]) -> list[Found]:
    return [Found(number, score) for number, score in zip(numbers, scores, strict=True) if score > -np.inf]
