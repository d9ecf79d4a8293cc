"""The test between two groups of runs: over seeds if both have several, over contents if both have one."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from diptych.evaluation.results import EXAMPLES, HIT, UNCOUNTED, Evaluation, Figure
from diptych.metrics.statistics import (
    Contrast,
    Interval,
    crossed_interval,
    mcnemar,
    paired_t,
    permute_clusters,
    welch_t,
)
from diptych.metrics.statistics.clusters import by_cluster
from diptych.reports.comparison.groups import Group

SEED_OF_FLIPS = 0
RATES = (0.0, 1.0)


class Side(NamedTuple):
    """A group, with one evaluation and one figure per run."""

    group: Group
    results: Sequence[Evaluation]
    figures: Sequence[Figure]

    @property
    def values(self) -> list[float]:
        """The values of the figures that have one."""
        return [figure.value for figure in self.figures if figure.value is not None]

    @property
    def by_seed(self) -> dict[int, float]:
        pairs = zip(self.group.seeds, self.figures, strict=True)
        return {seed: figure.value for seed, figure in pairs if figure.value is not None}


def contrast(first: Side, second: Side) -> Contrast | None:
    """The difference of the second from the first; None if no test fits, as for one run against several."""
    counts = len(first.values), len(second.values)
    if min(counts) > 1:
        pairs = _shared_seeds(first, second)
        return paired_t(*pairs) if pairs else welch_t(first.values, second.values)
    return _of_checkpoints(first, second) if counts == (1, 1) else None


def over_both(side: Side) -> Interval | None:
    """The mean's interval for new seeds and new contents; needs the hits of all runs on the same contents."""
    if len(side.figures) < 2 or not _same_examples(side.results, side.figures):
        return None
    scores = [_of_contents(result, figure) for result, figure in zip(side.results, side.figures, strict=True)]
    comes_equally_often = np.ptp(scores[0][1]) == 0 and len(scores[0][1]) > 1
    return crossed_interval(np.stack([hits / n for hits, n in scores]), limits=RATES) if comes_equally_often else None


def _shared_seeds(first: Side, second: Side) -> tuple[list[float], list[float]] | None:
    """The values by seed, if both groups have the same seeds: at least two, each once."""
    if first.group.repeats_a_seed or second.group.repeats_a_seed:
        return None
    one, other = first.by_seed, second.by_seed
    return (list(one.values()), [other[seed] for seed in one]) if len(one) > 1 and set(one) == set(other) else None


def _of_checkpoints(first: Side, second: Side) -> Contrast | None:
    """A paired test of hits on the same examples; None without such hits."""
    results, figures = (first.results[0], second.results[0]), (first.figures[0], second.figures[0])
    if not _same_examples(results, figures):
        return None
    counted = _counted(figures[0])
    before, after = ([figure.hits[i] == HIT for i in counted] for figure in figures)
    clusters = [results[0].clusters[i] for i in counted]
    if len(set(clusters)) == len(clusters):
        return mcnemar(before, after, EXAMPLES)
    return permute_clusters(before, after, clusters, np.random.default_rng(SEED_OF_FLIPS))


def _same_examples(results: Sequence[Evaluation], figures: Sequence[Figure]) -> bool:
    """Whether all runs kept hits of the same contents in the same order, with the same examples counted.

    Hits without their contents cannot be paired.
    """
    counted, clusters = _counted(figures[0]), list(results[0].clusters)
    return bool(counted) and all(
        list(result.clusters) == clusters and len(figure.hits) <= len(clusters) and _counted(figure) == counted
        for result, figure in zip(results, figures, strict=True)
    )


def _of_contents(
    result: Evaluation, figure: Figure
) -> tuple[Float[np.ndarray, " contents"], Float[np.ndarray, " contents"]]:
    """The hits and the number of examples of each content."""
    counted = _counted(figure)
    hits = np.array([figure.hits[i] == HIT for i in counted], dtype=np.float64)
    return by_cluster(hits, [result.clusters[i] for i in counted])


def _counted(figure: Figure) -> list[int]:
    return [i for i, mark in enumerate(figure.hits) if mark != UNCOUNTED]
