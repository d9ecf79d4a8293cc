"""Groups of runs side by side: means, intervals, and what may be said of their differences.

Several seeds a group: intervals and tests range over training seeds ("these methods"). One run a group: over the
examples ("these checkpoints"), clusters of equal content exchanged together. All p of a table are adjusted together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diptych.evaluation.results import Evaluation, Figure
from diptych.metrics.protocols import differences
from diptych.metrics.statistics import Contrast, Interval, bounded_interval, holm, student_t_interval
from diptych.reports.comparison.contrasts import RATES, Side, contrast, over_both
from diptych.reports.comparison.groups import Group
from diptych.reports.comparison.skills import ManyAsOne, many_as_one

LEVEL = 0.05
ANYTHING = (-np.inf, np.inf)
SEED_OF_DRAWS = 0


@dataclass(frozen=True)
class Cell:
    """One group's figure; `values` are its runs'. `p` is the contrast's with the first group, after Holm.

    `interval` is over seeds on these contents, or of one run over its examples; `interval_over_both` is over seeds and
    contents.
    """

    values: tuple[float | None, ...]
    mean: float | None
    interval: Interval | None
    interval_over_both: Interval | None = None
    contrast: Contrast | None = None
    p: float | None = None
    tests: int = 1

    @property
    def verdict(self) -> str:
        """`higher` or `lower` than the first group, `open`, or `too few` where no result could have decided."""
        if self.contrast is None or self.p is None:
            return ""
        if self.p < LEVEL:
            return "higher" if self.contrast.difference > 0 else "lower"
        return "too few" if self.contrast.smallest_p * self.tests >= LEVEL else "open"


@dataclass(frozen=True)
class Row:
    """One figure for all groups."""

    figure: Figure
    """That of the first run that has it."""
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        """Its label."""
        return self.figure.name

    @property
    def percent(self) -> bool:
        return self.figure.percent


@dataclass(frozen=True)
class Comparison:
    """One table. `result` is one of the evaluations that it is of, all of one protocol.

    `skills` are all skills as one, where there are several and every group has several runs.
    """

    groups: tuple[Group, ...]
    result: Evaluation
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    skills: ManyAsOne | None = None
    alerts: tuple[str, ...] = ()
    """What must be known of single runs before their figures."""

    def contrasts(self) -> list[Contrast]:
        """Every test that was made."""
        return [cell.contrast for row in self.rows for cell in row.cells if cell.contrast is not None]


def compare(groups: Sequence[Group], results: Sequence[Evaluation]) -> Comparison:
    """The table of evaluations of one protocol, a run each, in the order of the groups' runs."""
    parts = list(zip(groups, _parted(results, [len(group.runs) for group in groups]), strict=True))
    rows, left_out = [], []
    for key, name in _names(results).items():
        sides = [Side(group, part, [r.figure(key) or Figure(key, None) for r in part]) for group, part in parts]
        mixed = _mixed(sides)
        if mixed:
            left_out.append(f"{name}: measured differently ({'; '.join(mixed)})")
        else:
            rows.append(_row(sides))
    skills = many_as_one([(row.figure, [cell.values for cell in row.cells]) for row in rows])
    return Comparison(
        tuple(groups), results[0], tuple(_adjusted(rows)), tuple(left_out), skills, tuple(_alerts(groups, results))
    )


def _alerts(groups: Sequence[Group], results: Sequence[Evaluation]) -> list[str]:
    runs = [run for group in groups for run in group.runs]
    return [f"{run.run_id}: {result.alert}" for run, result in zip(runs, results, strict=True) if result.alert]


def _parted(results: Sequence[Evaluation], sizes: Sequence[int]) -> list[Sequence[Evaluation]]:
    ends = np.cumsum(sizes).tolist()
    return [results[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _names(results: Sequence[Evaluation]) -> dict[str, str]:
    """The label by key of every figure that some run has a value for."""
    return {f.key: f.name for result in results for f in result.figures if f.value is not None}


def _mixed(sides: Sequence[Side]) -> list[str]:
    """In what the figures' own protocols differ."""
    measured = [figure for side in sides for figure in side.figures if figure.value is not None]
    return next(filter(None, (differences(measured[0].protocol, figure.protocol) for figure in measured)), [])


def _row(sides: Sequence[Side]) -> Row:
    first, *others = sides
    contrasts = [contrast(first, other) if _tells_apart(sides) else None for other in others]
    cells = [replace(_cell(side), contrast=found) for side, found in zip(sides, (None, *contrasts), strict=True)]
    figure = next(figure for side in sides for figure in side.figures if figure.value is not None)
    return Row(figure, tuple(cells))


def _tells_apart(sides: Sequence[Side]) -> bool:
    """Whether the runs differ in it at all; what is the same for every run is no question to test."""
    return len({figure.value for side in sides for figure in side.figures}) > 1


def _cell(side: Side) -> Cell:
    every, known = tuple(figure.value for figure in side.figures), side.values
    if len(known) < 2:
        own = next((figure.own_interval for figure in side.figures if figure.value is not None), None)
        return Cell(every, known[0] if known else None, own)
    is_rate = all(figure.is_rate for figure in side.figures if figure.value is not None)
    limits = RATES if is_rate else ANYTHING
    return Cell(every, float(np.mean(known)), interval_over_seeds(known, is_rate, limits), over_both(side))


def interval_over_seeds(known: Sequence[float], is_rate: bool, limits: tuple[float, float]) -> Interval | None:
    """Student's; runs that all agree have no spread to take it from, so that rates take Gaffke's and others none."""
    if len(set(known)) > 1:
        return student_t_interval(known, limits=limits)
    return bounded_interval(known, np.random.default_rng(SEED_OF_DRAWS)) if is_rate else None


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    """Every p of the table, adjusted together."""
    cells = [cell for row in rows for cell in row.cells]
    tested = [cell.contrast.p for cell in cells if cell.contrast is not None]
    adjusted = iter(holm(tested))
    return [
        replace(
            row,
            cells=tuple(
                replace(cell, p=next(adjusted), tests=len(tested)) if cell.contrast else cell for cell in row.cells
            ),
        )
        for row in rows
    ]
