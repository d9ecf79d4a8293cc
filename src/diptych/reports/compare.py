"""Groups of runs side by side: means, intervals, and what may be said of their differences.

Several seeds a group: intervals and tests range over training seeds ("these methods"). One run a group: over the
examples ("these checkpoints"), clusters of equal content exchanged together. All p of a table are adjusted together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych.metrics.protocols import differences
from diptych.metrics.statistics import (
    Contrast,
    Interval,
    holm,
    mcnemar,
    paired_t,
    permute_clusters,
    student_t_interval,
    welch_t,
)
from diptych.reports.compare_groups import Group
from diptych.runs.results import EXAMPLES, HIT, UNCOUNTED, Evaluation, Figure

LEVEL = 0.05
SEED_OF_FLIPS = 0
RATES = (0.0, 1.0)
ANYTHING = (-np.inf, np.inf)


@dataclass(frozen=True)
class Cell:
    """One group's figure; `values` are its runs'. `p` is the contrast's with the first group, after Holm."""

    values: tuple[float | None, ...]
    mean: float | None
    interval: Interval | None
    contrast: Contrast | None = None
    p: float | None = None

    @property
    def verdict(self) -> str:
        """`higher` or `lower` than the first group, `open`, or `too few` where no result could have decided."""
        if self.contrast is None or self.p is None:
            return ""
        if self.p < LEVEL:
            return "higher" if self.contrast.difference > 0 else "lower"
        return "too few" if self.contrast.smallest_p >= LEVEL else "open"


@dataclass(frozen=True)
class Row:
    """One figure for all groups."""

    name: str
    percent: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Comparison:
    """One table. `result` is one of the evaluations that it is of, all of one protocol."""

    groups: tuple[Group, ...]
    result: Evaluation
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()

    @property
    def num_tests(self) -> int:
        return sum(cell.p is not None for row in self.rows for cell in row.cells)

    def contrasts(self) -> list[Contrast]:
        """Every test that was made."""
        return [cell.contrast for row in self.rows for cell in row.cells if cell.contrast is not None]


def compare(groups: Sequence[Group], results: Sequence[Evaluation]) -> Comparison:
    """The table of evaluations of one protocol, a run each, in the order of the groups' runs."""
    parts = _parted(results, [len(group.runs) for group in groups])
    rows, left_out = [], []
    for name in _names(results):
        figures = [[result.figure(name) or Figure(name, None) for result in part] for part in parts]
        mixed = _mixed(figures)
        if mixed:
            left_out.append(f"{name}: measured differently ({'; '.join(mixed)})")
        else:
            rows.append(_row(groups, parts, figures))
    return Comparison(tuple(groups), results[0], tuple(_adjusted(rows)), tuple(left_out))


def _parted(results: Sequence[Evaluation], sizes: Sequence[int]) -> list[Sequence[Evaluation]]:
    ends = np.cumsum(sizes).tolist()
    return [results[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _names(results: Sequence[Evaluation]) -> list[str]:
    """The figures that some run has a value for."""
    return list(dict.fromkeys(f.name for result in results for f in result.figures if f.value is not None))


def _mixed(figures: Sequence[Sequence[Figure]]) -> list[str]:
    """In what the figures' own protocols differ."""
    measured = [figure for part in figures for figure in part if figure.value is not None]
    return next(filter(None, (differences(measured[0].protocol, figure.protocol) for figure in measured)), [])


def _row(groups: Sequence[Group], parts: Sequence[Sequence[Evaluation]], figures: Sequence[Sequence[Figure]]) -> Row:
    cells = [_cell(part) for part in figures]
    for i in range(1, len(groups)):
        if _tells_apart(figures):
            contrast = _contrast((groups[0], parts[0], figures[0]), (groups[i], parts[i], figures[i]))
            cells[i] = replace(cells[i], contrast=contrast)
    first = next(figure for part in figures for figure in part if figure.value is not None)
    return Row(first.name, first.percent, tuple(cells))


def _tells_apart(figures: Sequence[Sequence[Figure]]) -> bool:
    """Whether the runs differ in it at all; what is the same for every run is no question to test."""
    return len({figure.value for part in figures for figure in part}) > 1


def _cell(figures: Sequence[Figure]) -> Cell:
    values = tuple(figure.value for figure in figures)
    known = [value for value in values if value is not None]
    mean = float(np.mean(known)) if known else None
    if len(known) > 1:
        limits = RATES if figures[0].percent else ANYTHING
        return Cell(values, mean, student_t_interval(known, limits=limits))
    return Cell(values, mean, next((_own_interval(f) for f in figures if f.value is not None), None))


def _own_interval(figure: Figure) -> Interval | None:
    """The interval of a single run's figure, over its examples."""
    if figure.interval is None:
        return None
    over = figure.interval_over or EXAMPLES
    return Interval(*figure.interval, over, figure.interval_method, figure.n if over == EXAMPLES else figure.contents)


Side = tuple[Group, Sequence[Evaluation], Sequence[Figure]]


def _contrast(first: Side, second: Side) -> Contrast | None:
    """Over seeds where both have several runs, over contents where both have one; else there is nothing to test."""
    values = [[figure.value for figure in figures if figure.value is not None] for _, _, figures in (first, second)]
    if min(map(len, values)) > 1:
        pairs = _shared_seeds(first, second)
        return paired_t(*pairs) if pairs else welch_t(values[0], values[1])
    if max(map(len, values)) == 1 == min(map(len, values)):
        return _of_checkpoints(first[1][0], first[2][0], second[1][0], second[2][0])
    return None


def _shared_seeds(first: Side, second: Side) -> tuple[list[float], list[float]] | None:
    """The values of runs that share a seed, if there are two such pairs at least and no seed comes twice."""
    if first[0].repeats_a_seed or second[0].repeats_a_seed:
        return None
    one, other = (
        {seed: figure.value for seed, figure in zip(group.seeds, figures, strict=True) if figure.value is not None}
        for group, _, figures in (first, second)
    )
    shared = [seed for seed in one if seed in other]
    return ([one[s] for s in shared], [other[s] for s in shared]) if len(shared) > 1 else None


def _of_checkpoints(one: Evaluation, first: Figure, other: Evaluation, second: Figure) -> Contrast | None:
    """A paired test of hits on the same examples; None where they were not kept, or not of the same examples."""
    if not first.hits or list(one.clusters) != list(other.clusters) or _counted(first) != _counted(second):
        return None
    counted = _counted(first)
    before, after = ([figure.hits[i] == HIT for i in counted] for figure in (first, second))
    clusters = [one.clusters[i] for i in counted]
    if len(set(clusters)) == len(clusters):
        return mcnemar(before, after, EXAMPLES)
    return permute_clusters(before, after, clusters, np.random.default_rng(SEED_OF_FLIPS))


def _counted(figure: Figure) -> list[int]:
    return [i for i, mark in enumerate(figure.hits) if mark != UNCOUNTED]


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    """Every p of the table, adjusted together."""
    cells = [cell for row in rows for cell in row.cells]
    p_values = iter(holm([cell.contrast.p for cell in cells if cell.contrast is not None]))
    return [
        replace(row, cells=tuple(replace(cell, p=next(p_values)) if cell.contrast else cell for cell in row.cells))
        for row in rows
    ]
