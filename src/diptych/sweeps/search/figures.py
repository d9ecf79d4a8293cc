"""The figures by which a search judges: what a run has measured so far, and what came of it."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from diptych.metrics.statistics.seeds import student_t_interval
from diptych.runs.folder.layout import RunFolder
from diptych.sweeps.search.request import BOUND, Objective, Search
from diptych.tracking import read_metrics
from diptych.tracking.csv_file import column_names

SECONDS = "seconds"
VALIDATION = "val/"
BOUND_CONFIDENCE = 0.8
"""Of the interval whose worse end is a trial's figure: nine in ten repetitions would be better than that end."""


class NotMeasured(ValueError):
    """A run has no such figure."""


def curve_of(run: RunFolder, objective: Objective) -> list[float]:
    """The figure at every validation so far."""
    return [row[objective.metric] for row in read_metrics(run.metrics) if objective.metric in row]


def figures_of(run: RunFolder, objectives: Sequence[Objective]) -> list[float]:
    """One for each objective: its best where it is alone, else those of the moment that the run calls its best."""
    if len(objectives) == 1 and objectives[0].metric != SECONDS:
        return [_best(run, objectives[0])]
    kept = kept_row(read_metrics(run.metrics), run.read_config(), [objective.metric for objective in objectives])
    return [_figure(run, objective, kept) for objective in objectives]


def validated_by(run: RunFolder) -> list[str]:
    """The figures that the run's validations have."""
    return sorted(name for name in column_names(run.metrics) if name.startswith(VALIDATION))


def kept_row(
    rows: Sequence[Mapping[str, float]], config: Mapping[str, Any], names: Sequence[str]
) -> Mapping[str, float]:
    """Of a run's figures those of the validation that it calls its best; nothing where it has none.

    One that monitors nothing keeps its last checkpoint: of the rows that have any of these figures the last.
    """
    monitor = config.get("monitor")
    if not monitor:
        return next((row for row in reversed(rows) if any(name in row for name in names)), {})
    sign = 1 if config.get("mode") == "max" else -1
    return max((row for row in rows if monitor in row), key=lambda row: _or_worst(sign * row[monitor]), default={})


def together(search: Search, figures: Sequence[float], objective: Objective) -> float:
    """One figure of several runs; of a single one there is no interval yet."""
    if search.aggregate != BOUND or len(figures) < 2:
        return fmean(figures)
    interval = student_t_interval(figures, confidence=BOUND_CONFIDENCE)
    return interval.low if objective.sign > 0 else interval.high


def _best(run: RunFolder, objective: Objective) -> float:
    values = [value for value in curve_of(run, objective) if not math.isnan(value)]
    if not values:
        raise _not_measured(run, objective)
    return max(values, key=lambda value: objective.sign * value)


def _figure(run: RunFolder, objective: Objective, row: Mapping[str, float]) -> float:
    value = run.read_status().seconds if objective.metric == SECONDS else row.get(objective.metric, math.nan)
    if math.isnan(value):
        raise _not_measured(run, objective)
    return value


def _not_measured(run: RunFolder, objective: Objective) -> NotMeasured:
    """With what was measured, since a name may be misspelt."""
    names = ", ".join(validated_by(run)) or "nothing"
    return NotMeasured(f"{run.run_id} never measured {objective.metric}; it measured {names}")


def _or_worst(value: float) -> float:
    return -math.inf if math.isnan(value) else value
