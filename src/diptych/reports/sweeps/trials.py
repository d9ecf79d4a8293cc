"""The trials of a sweep: one a configuration, whose runs repeat one another with other seeds.

Everything here is a function of plain values. Validation figures choose; what was measured on the test split stands
beside them and chooses nothing.
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

SEED = "seed"
GONE = "gone"
"""What is said of a run that was begun and whose folder is not there any more."""
BAD = (FAILED, DIVERGED, LOST)
"""Runs in these states say something against their configuration; a pruned one only ended early."""
MAX, MIN = "max", "min"
REPEATS = "runs"


@dataclass(frozen=True, slots=True)
class Objective:
    """A figure that is to be high (`max`) or low (`min`)."""

    name: str
    mode: str = MAX

    @property
    def sign(self) -> float:
        """By which a value is multiplied so that more is better."""
        return 1.0 if self.mode == MAX else -1.0

    @property
    def words(self) -> str:
        return f"{self.name}, {'higher' if self.mode == MAX else 'lower'} is better"


@dataclass(frozen=True)
class SweptRun:
    """One run of a sweep. `number` is its job's, `settings` are its overrides but for the seed.

    `figures` has a value an objective: its best where it is alone, else those of the checkpoint that the run keeps;
    None where it has none or it is not finite. `tested` is what the newest evaluation on the test split found. `curve`
    are the first objective's validations: (images, value) points. `packages` are its
    own, beside ours, that it is made of.
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
    tested: float | None = None
    curve: Sequence[tuple[float, float]] = ()
    trial: int | None = None
    threads: int | None = None
    packages: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether its figure may choose: it went to its end, and has one."""
        return self.state == DONE and self.figures[0] is not None


@dataclass(frozen=True)
class Trial:
    """Runs of one configuration. `parameters` are those in which the trials of the sweep differ.

    A command that was carried out twice counts once: its runs are no independent repetitions.
    """

    number: int
    runs: tuple[SweptRun, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expected: int = 1
    """Runs that it has when it is over; of a grid nobody knows how many seeds are still to be typed."""

    @cached_property
    def counted(self) -> tuple[SweptRun, ...]:
        """The runs whose figures choose, each command once."""
        return tuple({run.arguments: run for run in reversed(self.runs) if run.counts}.values())[::-1]

    def values(self, objective: int = 0) -> list[float]:
        """One a counted run that has it."""
        return [value for run in self.counted if (value := run.figures[objective]) is not None]

    def mean(self, objective: int = 0) -> float | None:
        """Over its runs; None where there is none."""
        values = self.values(objective)
        return float(np.mean(values)) if values else None

    def interval(self, objective: int = 0) -> Interval | None:
        """Of that mean, over seeds (Student's t); runs that all agree have no spread to take it from."""
        return interval_of(self.values(objective), self.over)

    @property
    def over(self) -> str:
        """What its runs differ in: seeds alone, or folds and other things too."""
        settings = {json.dumps(run.settings, sort_keys=True, default=str) for run in self.runs}
        return SEEDS if len(settings) == 1 else REPEATS

    @property
    def is_whole(self) -> bool:
        """Whether all of its runs came to their end, so that its mean is not that of the lucky or the quick ones."""
        return len(self.runs) >= self.expected and all(run.state == DONE for run in self.runs)

    @property
    def tested(self) -> list[float]:
        """What was found on the test split, a value a run that was evaluated."""
        return [run.tested for run in self.counted if run.tested is not None]

    @property
    def images(self) -> float:
        """A run's, on the average of those that begun."""
        return _mean([run.images for run in self.runs if run.images])

    @property
    def seconds(self) -> float:
        """A run's, on the average of those that begun."""
        return _mean([run.seconds for run in self.runs if run.seconds])

    @property
    def state(self) -> str:
        """One word where all runs agree, else how many are in which state."""
        states = [run.state for run in self.runs]
        if len(set(states)) == 1:
            return states[0]
        return ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))


@dataclass(frozen=True)
class SweepTable:
    """All trials, the best first; those that cannot be ranked come last, in the order in which they were planned.

    `keys` are the parameters in which trials differ. `tested_name` says what `tested` values are of. `notes` are what
    a reader must know of how it was read. `launcher` are the overrides that said who runs where. `is_asked` tells that
    the objectives are the reader's and not the sweep's own.
    """

    name: str
    objectives: tuple[Objective, ...]
    trials: tuple[Trial, ...]
    keys: tuple[str, ...]
    tested_name: str = ""
    notes: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    is_asked: bool = False

    @property
    def runs(self) -> list[SweptRun]:
        """Of all trials, in the order of their jobs."""
        return sorted((run for trial in self.trials for run in trial.runs), key=lambda run: run.number)

    @property
    def ranked(self) -> list[Trial]:
        """Those that have a figure, the best first."""
        return [trial for trial in self.trials if trial.values()]

    @property
    def leader(self) -> Trial | None:
        """The best of those whose runs are all done; the best of all where there is none such."""
        ranked = self.ranked
        return next((trial for trial in ranked if trial.is_whole), ranked[0] if ranked else None)

    @property
    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        states = [run.state for run in self.runs]
        return {state: states.count(state) for state in dict.fromkeys(states)}

    @property
    def unfinished(self) -> list[SweptRun]:
        """Runs that have a reason why they are not done; pruned ones ended as they should."""
        return [run for run in self.runs if run.why and run.state not in (DONE, PRUNED)]


def table_of(
    name: str,
    objectives: Sequence[Objective],
    runs: Sequence[SweptRun],
    *,
    tested_name: str = "",
    notes: Sequence[str] = (),
    launcher: Sequence[str] = (),
    runs_per_trial: int = 1,
    is_asked: bool = False,
) -> SweepTable:
    """Runs of one trial of a search, or whose settings are the same, are a trial; the best trial comes first."""
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
    said = (tested_name, tuple(notes), tuple(launcher), is_asked)
    return SweepTable(name, tuple(objectives), ordered, tuple(keys), *said)


def differing_keys(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys whose values are not the same everywhere; one that some lack differs."""
    keys = dict.fromkeys(key for own in settings for key in own)
    return [key for key in keys if len({_plain(own[key]) if key in own else None for own in settings}) > 1]


def interval_of(values: Sequence[float], over: str = SEEDS) -> Interval | None:
    """Student's; none of fewer than two values, or of values that all agree."""
    return student_t_interval(values, over) if len(set(values)) > 1 else None


def finite(value: Any) -> float | None:
    """The number, if it is one that can be compared."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and isfinite(value) else None


def ranks(table: SweepTable) -> dict[int, float]:
    """By the trial's number: 0 for the best to 1 for the worst mean, ties alike."""
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
    """The settings on which the runs agree; folds of a trial do not describe it."""
    first, *others = (run.settings for run in runs)
    return {k: v for k, v in first.items() if all(k in own and _plain(own[k]) == _plain(v) for own in others)}


def _number(runs: Sequence[SweptRun], place: int) -> int:
    """A search has numbered its trials; others are counted from one."""
    return place if runs[0].trial is None else runs[0].trial


def _rank(trial: Trial, objectives: Sequence[Objective]) -> tuple[bool, float, int]:
    mean = trial.mean() if objectives else None
    return mean is None, 0.0 if mean is None else -objectives[0].sign * mean, trial.number


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
