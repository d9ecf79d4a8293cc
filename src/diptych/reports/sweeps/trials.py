"""The trials of a sweep: one per configuration, whose runs repeat it with other seeds.

Everything here is a function of plain values. Validation figures rank trials; test results stand beside them and rank
nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
from scipy import stats

from diptych.metrics.statistics.interval import Interval
from diptych.metrics.statistics.seeds import SEEDS, student_t_interval
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PRUNED
from diptych.sweeps.objective import SweepObjective

SEED = "seed"
GONE = "gone"
"""The state of a run that started and whose folder no longer exists."""
BAD = (FAILED, DIVERGED, LOST)
"""Runs in these states count against their configuration; a pruned run only ended early."""
REPEATS = "runs"


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep. `number` is its job's, `settings` are its overrides without the seed.

    `figures` has a value per objective: the best validation of a single objective, else the values of the checkpoint
    that the run keeps; None if there is no finite value. `test_result` is from the newest evaluation on the test split.
    `curve` has the first objective's validations as (images, value). `packages` are the packages of its own classes.
    """

    number: int
    run_id: str
    arguments: tuple[str, ...]
    settings: Mapping[str, Any]
    seed: Any
    state: str
    why: str = ""
    figures: tuple[float | None, ...] = (None,)
    images: int = 0
    seconds: float = 0.0
    test_result: float | None = None
    curve: Sequence[tuple[float, float]] = ()
    trial: int | None = None
    threads: int | None = None
    packages: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether its figure ranks its trial: the run is done and has one."""
        return self.state == DONE and self.figures[0] is not None


@dataclass(frozen=True)
class Trial:
    """Runs of one configuration. `parameters` are those that differ between the trials of the sweep.

    A repeated command counts once, because its runs are not independent.
    """

    number: int
    runs: tuple[SweptRun, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expected: int = 1
    """Its number of runs when it is complete; a grid may get more seeds later, so there it is 1."""

    @cached_property
    def counted(self) -> tuple[SweptRun, ...]:
        """The runs whose figures count, each command once."""
        return tuple({run.arguments: run for run in reversed(self.runs) if run.counts}.values())[::-1]

    def values(self, objective: int = 0) -> list[float]:
        """The objective's values of the counted runs."""
        return [value for run in self.counted if (value := run.figures[objective]) is not None]

    def mean(self, objective: int = 0) -> float | None:
        """The mean over its runs; None if no run has a value."""
        values = self.values(objective)
        return float(np.mean(values)) if values else None

    def interval(self, objective: int = 0) -> Interval | None:
        """Student's interval of the mean, over seeds; None if all runs agree."""
        return interval_of(self.values(objective), self.over)

    @property
    def over(self) -> str:
        """Whether its runs differ by seeds alone, or by folds or others too."""
        settings = {json.dumps(run.settings, sort_keys=True, default=str) for run in self.runs}
        return SEEDS if len(settings) == 1 else REPEATS

    @property
    def is_whole(self) -> bool:
        """Whether all its runs are done, so that its mean has no survivors' bias."""
        return len(self.runs) >= self.expected and all(run.state == DONE for run in self.runs)

    @property
    def test_results(self) -> list[float]:
        """A value per run that was evaluated on the test split."""
        return [run.test_result for run in self.counted if run.test_result is not None]

    @property
    def images(self) -> float:
        """The mean images of a run, over those that began."""
        return _mean([run.images for run in self.runs if run.images])

    @property
    def seconds(self) -> float:
        """The mean seconds of a run, over those that began."""
        return _mean([run.seconds for run in self.runs if run.seconds])

    @property
    def state(self) -> str:
        """The runs' common state, else the number of runs in each state."""
        states = [run.state for run in self.runs]
        if len(set(states)) == 1:
            return states[0]
        return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


@dataclass(frozen=True)
class SweepTable:
    """All trials, the best first; trials without a figure come last, in the order of their plans.

    `keys` are the parameters that differ between trials. `test_metric` describes the test results. `notes` qualify the
    table. `launcher` are the overrides that chose the launcher. `is_asked` is True if the reader chose the objectives.
    """

    name: str
    objectives: tuple[SweepObjective, ...]
    trials: tuple[Trial, ...]
    keys: tuple[str, ...]
    test_metric: str = ""
    notes: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    is_asked: bool = False

    @property
    def runs(self) -> list[SweptRun]:
        """The runs of all trials, in the order of their jobs."""
        return sorted((run for trial in self.trials for run in trial.runs), key=lambda run: run.number)

    @property
    def ranked(self) -> list[Trial]:
        """The trials with a figure, the best first."""
        return [trial for trial in self.trials if trial.values()]

    @property
    def best(self) -> Trial | None:
        """The best complete trial; the best of all if none is complete."""
        ranked = self.ranked
        return next((trial for trial in ranked if trial.is_whole), ranked[0] if ranked else None)

    @property
    def counts(self) -> dict[str, int]:
        """The number of runs in each state."""
        states = [run.state for run in self.runs]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    @property
    def unfinished(self) -> list[SweptRun]:
        """Runs with a reason why they are not done; pruned runs are none of them."""
        return [run for run in self.runs if run.why and run.state not in (DONE, PRUNED)]


def table_of(
    name: str,
    objectives: Sequence[SweepObjective],
    runs: Sequence[SweptRun],
    *,
    test_metric: str = "",
    notes: Sequence[str] = (),
    launcher: Sequence[str] = (),
    runs_per_trial: int = 1,
    is_asked: bool = False,
) -> SweepTable:
    """Group runs by the search's trial, or by equal settings, and sort the trials, best first."""
    members: dict[str, list[SweptRun]] = {}
    for run in sorted(runs, key=lambda run: run.number):
        members.setdefault(_key(run), []).append(run)
    keys = differing_keys([_common(own) for own in members.values()])
    trials = [
        Trial(
            _number(own, place),
            tuple(own),
            {key: _common(own)[key] for key in keys if key in _common(own)},
            1 if own[0].trial is None else runs_per_trial,
        )
        for place, own in enumerate(members.values(), start=1)
    ]
    ordered = tuple(sorted(trials, key=lambda trial: _rank(trial, objectives)))
    details = (test_metric, tuple(notes), tuple(launcher), is_asked)
    return SweepTable(name, tuple(objectives), ordered, tuple(keys), *details)


def differing_keys(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values differ; a key that some lack differs too."""
    keys = dict.fromkeys(key for own in settings for key in own)
    return [key for key in keys if len({_plain(own[key]) if key in own else None for own in settings}) > 1]


def interval_of(values: Sequence[float], over: str = SEEDS) -> Interval | None:
    """Student's interval; None for fewer than two values or equal values."""
    return student_t_interval(values, over) if len(set(values)) > 1 else None


def finite(value: Any) -> float | None:
    """The value as a finite number, else None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None


def ranks(table: SweepTable) -> dict[int, float]:
    """Each trial number's rank, from 0 for the best mean to 1 for the worst; ties share a rank."""
    trials = table.ranked
    if not trials:
        return {}
    sign = table.objectives[0].sign
    places = stats.rankdata([-sign * (trial.mean() or 0.0) for trial in trials]) - 1
    return {trial.number: float(place / max(1, len(trials) - 1)) for trial, place in zip(trials, places, strict=True)}


def _key(run: SweptRun) -> str:
    return f"trial {run.trial}" if run.trial is not None else _plain(sorted(run.settings.items()))


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _common(runs: Sequence[SweptRun]) -> dict[str, Any]:
    """The settings that all runs share; folds, say, are not part of a trial's description."""
    first, *others = (run.settings for run in runs)
    return {k: v for k, v in first.items() if all(k in own and _plain(own[k]) == _plain(v) for own in others)}


def _number(runs: Sequence[SweptRun], place: int) -> int:
    """The search's number of the trial; in a grid, trials count from one."""
    return place if runs[0].trial is None else runs[0].trial


def _rank(trial: Trial, objectives: Sequence[SweepObjective]) -> tuple[bool, float, int]:
    mean = trial.mean() if objectives else None
    return mean is None, 0.0 if mean is None else -objectives[0].sign * mean, trial.number


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
