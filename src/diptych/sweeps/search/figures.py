"""The figures that a search optimises, read from the runs' metrics.csv."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from diptych.metrics.statistics.seeds import student_t_interval
from diptych.runs.folder.layout import RunFolder
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.request import BOUND, Search
from diptych.tracking import read_metrics
from diptych.tracking.csv_file import column_names

SECONDS = "seconds"
VALIDATION = "val/"
BOUND_CONFIDENCE = 0.8
"""The interval's confidence: nine in ten repetitions would be better than its worse end."""


class NotMeasured(ValueError):
    """The run never logged the figure."""


def curve_of(run: RunFolder, objective: SweepObjective) -> list[float]:
    """The objective's value at every validation so far."""
    return [row[objective.name] for row in read_metrics(run.metrics) if objective.name in row]


def figures_of(run: RunFolder, objectives: Sequence[SweepObjective]) -> list[float]:
    """One figure for each objective.

    A single objective takes its best validation. Several objectives take the validation of the run's best checkpoint.
    """
    if len(objectives) == 1 and objectives[0].name != SECONDS:
        return [_best(run, objectives[0])]
    kept = kept_row(read_metrics(run.metrics), run.read_config(), [objective.name for objective in objectives])
    return [_figure(run, objective, kept) for objective in objectives]


def validated_by(run: RunFolder) -> list[str]:
    """The names of the figures that the run's validations logged."""
    return sorted(name for name in column_names(run.metrics) if name.startswith(VALIDATION))


def kept_row(
    rows: Sequence[Mapping[str, float]], config: Mapping[str, Any], names: Sequence[str]
) -> Mapping[str, float]:
    """The row of the run's best validation; empty where there is none.

    A run without a monitor keeps its last checkpoint, so the last row with any of the `names` counts.
    """
    monitor = config.get("monitor")
    if not monitor:
        return next((row for row in reversed(rows) if any(name in row for name in names)), {})
    sign = 1 if config.get("mode") == "max" else -1
    return max((row for row in rows if monitor in row), key=lambda row: _or_worst(sign * row[monitor]), default={})


def aggregated(search: Search, figures: Sequence[float], objective: SweepObjective) -> float:
    """One figure for several runs; a single run has no interval yet."""
    if search.aggregate != BOUND or len(figures) < 2:
        return fmean(figures)
    interval = student_t_interval(figures, confidence=BOUND_CONFIDENCE)
    return interval.low if objective.sign > 0 else interval.high


def _best(run: RunFolder, objective: SweepObjective) -> float:
    values = [value for value in curve_of(run, objective) if not math.isnan(value)]
    if not values:
        raise _not_measured(run, objective)
    return max(values, key=lambda value: objective.sign * value)


def _figure(run: RunFolder, objective: SweepObjective, row: Mapping[str, float]) -> float:
    value = run.read_status().seconds if objective.name == SECONDS else row.get(objective.name, math.nan)
    if math.isnan(value):
        raise _not_measured(run, objective)
    return value


def _not_measured(run: RunFolder, objective: SweepObjective) -> NotMeasured:
    """The error lists what the run logged, since the name may be misspelt."""
    names = ", ".join(validated_by(run)) or "nothing"
    return NotMeasured(f"{run.run_id} never logged {objective.name}; it logged {names}")


def _or_worst(value: float) -> float:
    return -math.inf if math.isnan(value) else value
