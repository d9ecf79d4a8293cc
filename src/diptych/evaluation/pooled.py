"""Figures of several scores an example: words, facts, pairs. Their intervals resample the contents of the examples."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np

from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Figure
from diptych.metrics.statistics import cluster_interval

NONE_COUNTS = "none of the examples has any"


def pooled(key: str, scores: Sequence[Sequence[float]], contents: Sequence[str], **rest: Any) -> Figure:
    """The mean of all scores in [0, 1] of all examples together; `contents` says what each example is of.

    `chance` and `reference` in `rest` may be such scores too; `n` there says what is counted, if not the scores.
    """
    values = [value for own in scores for value in own]
    ends = {name: _end(rest.pop(name)) for name in ("chance", "reference") if name in rest}
    if not values:
        return Figure(key, None, **{**rest, "note": NONE_COUNTS})
    clusters = [content for own, content in zip(scores, contents, strict=True) for _ in own]
    interval = cluster_interval(values, clusters, np.random.default_rng(RESAMPLING_SEED), CONTENTS)
    num = rest.pop("n", len(values))
    return Figure.of(key, fmean(values), num, interval, **rest, **ends)


def _end(scores: float | Sequence[Sequence[float]]) -> float | None:
    if isinstance(scores, float | int):
        return scores
    values = [value for own in scores for value in own]
    return fmean(values) if values else None
