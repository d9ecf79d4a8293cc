"""An Optuna study in a file, `study.journal`, which optuna-dashboard opens.

Only the process that holds the sweep's lock writes to it. A crash may leave a torn last line or the lock of a dead
process, and either makes Optuna refuse or wait. Opening the study removes both.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from diptych.config.errors import UserError
from diptych.config.search_space import Choice, Parameter, values_of
from diptych.sweeps.ledger import add_when_there_is_room, repair
from diptych.sweeps.search.compatibility import refuse_changes
from diptych.sweeps.search.request import Search

FILE_NAME = "study.journal"
MOST_DRAWS = 1000
"""The space is exhausted after so many repeated random proposals in a row."""
ASKED, WHY, GIVEN_UP, DROPPED, AGAIN = "asked", "why", "given up", "dropped", "again"
"""Keys of our notes in the study: the settings; of a trial why it ended, why it shall end, that it never ran, and which
earlier trial it repeats."""

Values = dict[str, Any]


class Exhausted(RuntimeError):
    """The study has proposed every point of the space."""


class Journal(JournalFileBackend):
    """Optuna's journal, which waits while the disk is full: half a line would damage the study."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        add_when_there_is_room(self.path, lambda: JournalFileBackend.append_logs(self, logs))


class Study:
    """Proposals and their results, by trial number."""

    def __init__(self, folder: Path, name: str, search: Search) -> None:
        """Open or create the study in the sweep's folder; `UserError` if its settings were others."""
        path = folder / FILE_NAME
        _clean_up(path)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.search = search
        self._storage, self._study = _opened(path, name, search)
        self._id = self._storage.get_study_id_from_name(name)
        noted = {trial.number: trial.user_attrs.get(GIVEN_UP, "") for trial in self._trials()}
        self._given_up = {number: why for number, why in noted.items() if why}

    def ask(self) -> tuple[int, Values]:
        """A new proposal and its number; `Exhausted` if none is left."""
        before = [trial.params for trial in self._trials() if DROPPED not in trial.user_attrs]
        trial, values = self._proposed()
        if values not in before:
            return trial.number, values
        self.drop(trial.number)
        self._study.enqueue_trial(self._never_drawn(before))
        trial, values = self._proposed()
        return trial.number, values

    def report(self, number: int, step: int, value: float) -> bool:
        """Record a trial's figure at a validation, counted from 0; returns whether to prune the trial."""
        trial = self._trial(number)
        trial.report(value, step)
        return trial.should_prune()

    def give_up(self, number: int, why: str) -> None:
        """Record that an open trial shall end."""
        self._trial(number).set_user_attr(GIVEN_UP, why)
        self._given_up[number] = why

    def given_up(self, number: int) -> str:
        """Why the pruner rejected a trial; "" if it did not."""
        return self._given_up.get(number, "")

    def has_failed(self, number: int) -> bool:
        """Whether a trial failed and no retry of it finished."""
        return self._frozen(number).state == TrialState.FAIL and not self._ended_well_later(number)

    def first_reason(self) -> str:
        """The reason of the first trial that ended without a figure; "" if there is none."""
        return next((why for trial in self._trials() if (why := trial.user_attrs.get(WHY, ""))), "")

    def steps_of(self, number: int) -> set[int]:
        """The steps at which a trial has reported."""
        return set(self._frozen(number).intermediate_values)

    def is_settled(self, number: int, well: bool) -> bool:
        """Whether the study knows how a trial ended; with `well`, whether it knows that it finished."""
        frozen = self._frozen(number)
        if not well or not frozen.state.is_finished():
            return frozen.state.is_finished()
        return frozen.state == TrialState.COMPLETE or self._ended_well_later(number)

    def complete(self, number: int, values: Sequence[float]) -> None:
        """Record the figures of a finished trial.

        A trial that failed before and finished on a retry gets a new number.
        """
        frozen = self._frozen(number)
        if not frozen.state.is_finished():
            self._study.tell(number, list(values))
        else:
            known = {"params": frozen.params, "distributions": frozen.distributions, "user_attrs": {AGAIN: number}}
            self._study.add_trial(create_trial(values=list(values), **known))

    def prune(self, number: int, why: str) -> None:
        """Record a pruned trial; its reports count."""
        self._close(number, why, TrialState.PRUNED if len(self.search.objectives) == 1 else TrialState.FAIL)

    def close(self, number: int, why: str) -> None:
        """Record a failed trial."""
        self._close(number, why, TrialState.FAIL)

    def drop(self, number: int) -> None:
        """Record that a proposal never ran."""
        self._trial(number).set_user_attr(DROPPED, True)
        self._study.tell(number, state=TrialState.FAIL)

    def open_trials(self) -> list[int]:
        """The numbers of trials without a result."""
        return [trial.number for trial in self._trials() if trial.state == TrialState.RUNNING]

    def __len__(self) -> int:
        """The number of trials, dropped ones included."""
        return len(self._trials())

    def best(self) -> list[FrozenTrial]:
        """The best trial, or with several objectives the Pareto front."""
        return self._study.best_trials

    def _close(self, number: int, why: str, state: TrialState) -> None:
        if not self._frozen(number).state.is_finished():
            self._trial(number).set_user_attr(WHY, why)
            self._study.tell(number, state=state)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _proposed(self) -> tuple[Trial, Values]:
        """A proposal of a sampler with its own seed: a reopened sampler would repeat itself."""
        number = len(self)
        factory = self.search.sampler
        fixed_seed = "seed" in getattr(factory, "keywords", {})
        self._study.sampler = factory() if fixed_seed else factory(seed=_seed(self.search.seed, number))
        trial = self._study.ask()
        return trial, _suggested(trial, self.search)

    def _never_drawn(self, before: list[Values]) -> Values:
        random = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=_seed(self.search.seed, len(before))))
        for _ in range(MOST_DRAWS):
            values = _suggested(random.ask(), self.search)
            if values not in before:
                return values
        raise Exhausted(f"the search has tried the whole space: {len(before)} trials")

    def _ended_well_later(self, number: int) -> bool:
        return any(trial.user_attrs.get(AGAIN) == number for trial in self._trials())

    def _frozen(self, number: int) -> FrozenTrial:
        return self._trials()[number]

    def _trial(self, number: int) -> Trial:
        return Trial(self._study, self._storage.get_trial_id_from_study_id_trial_number(self._id, number))


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Optuna's distribution of a parameter."""
    values = parameter.values
    if isinstance(values, Choice):
        return CategoricalDistribution(values.values)
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), values.log, int(values.step or 1))
    return FloatDistribution(values.low, values.high, values.log, values.step)


def _suggested(trial: Trial, search: Search) -> Values:
    """The trial's value of every parameter that applies to it."""
    known, values = values_of(search.fixed), {}
    for parameter in search.space:
        if parameter.applies({**known, **values}):
            values[parameter.key] = _suggest(trial, parameter.key, distribution_of(parameter))
    return values


def _suggest(trial: Trial, key: str, among: BaseDistribution) -> Any:
    match among:
        case CategoricalDistribution():
            return trial.suggest_categorical(key, among.choices)
        case IntDistribution():
            return trial.suggest_int(key, among.low, among.high, step=among.step, log=among.log)
        case FloatDistribution():
            return trial.suggest_float(key, among.low, among.high, step=among.step, log=among.log)
    raise AssertionError(among)


def _seed(seed: int, number: int) -> int:
    """The seed of one proposal."""
    return int.from_bytes(sha256(f"{seed}/{number}".encode()).digest()[:4])


def _clean_up(path: Path) -> None:
    """Remove what a dead process left: part of a line, and its lock."""
    repair(path)
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink(missing_ok=True)


def _opened(path: Path, name: str, search: Search) -> tuple[JournalStorage, optuna.Study]:
    directions: Any = [objective.direction for objective in search.objectives]
    try:
        storage = JournalStorage(Journal(path))
        study = optuna.create_study(study_name=name, storage=storage, directions=directions, load_if_exists=True)
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{path} is damaged ({error}): give the sweep another name; its runs stay as they are"
        ) from error
    study.pruner = search.pruner or optuna.pruners.NopPruner()
    asked = study.user_attrs.get(ASKED)
    if asked is None:
        study.set_user_attr(ASKED, search.describe())
    else:
        refuse_changes(asked, search, path.parent)
    return storage, study
