"""An Optuna study in a file: `study.journal`, which optuna-dashboard opens.

Only the process that has the sweep in hand writes to it. What a crash leaves behind is cleared away when it is opened:
a torn last line and the lock of a dead process, either of which makes Optuna refuse or wait.
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
"""Of random proposals in a row that have all been made before; then there is nothing new in the space."""
ASKED, WHY, GIVEN_UP, DROPPED, AGAIN = "asked", "why", "given up", "dropped", "again"
"""What we note of a study and its trials: why one ended early or shall, that one never ran, which ended well later."""

Values = dict[str, Any]


class Exhausted(RuntimeError):
    """Everything in the space has been proposed."""


class Journal(JournalFileBackend):
    """Optuna's own, which waits while the disk is full: half a line would make the study unusable."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        add_when_there_is_room(self.path, lambda: JournalFileBackend.append_logs(self, logs))


class Study:
    """Proposals and what came of them, by the numbers of trials."""

    def __init__(self, folder: Path, name: str, search: Search) -> None:
        """Open the study in the sweep's folder, or begin it; `UserError` where it was another search."""
        path = folder / FILE_NAME
        _clear_away(path)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.search = search
        self._storage, self._study = _opened(path, name, search)
        self._id = self._storage.get_study_id_from_name(name)
        noted = {trial.number: trial.user_attrs.get(GIVEN_UP, "") for trial in self._trials()}
        self._given_up = {number: why for number, why in noted.items() if why}

    def ask(self) -> tuple[int, Values]:
        """A proposal that was never made before, and its number; `Exhausted` if there is none left."""
        before = [trial.params for trial in self._trials() if DROPPED not in trial.user_attrs]
        trial, values = self._proposed()
        if values not in before:
            return trial.number, values
        self.drop(trial.number)
        self._study.enqueue_trial(self._never_drawn(before))
        trial, values = self._proposed()
        return trial.number, values

    def report(self, number: int, step: int, value: float) -> bool:
        """Note an open trial's figure at a validation; whether the trial is to be pruned. Steps count from 0."""
        trial = self._trial(number)
        trial.report(value, step)
        return trial.should_prune()

    def give_up(self, number: int, why: str) -> None:
        """Note that an open trial shall end."""
        self._trial(number).set_user_attr(GIVEN_UP, why)
        self._given_up[number] = why

    def given_up(self, number: int) -> str:
        """Why a trial shall end, or has; "" where nobody has given it up."""
        return self._given_up.get(number, "")

    def has_failed(self, number: int) -> bool:
        """Whether nothing was learned from a trial, when it was retried either."""
        return self._frozen(number).state == TrialState.FAIL and not self._ended_well_later(number)

    def first_reason(self) -> str:
        """Why the first trial ended that ended without a figure; "" where none has a reason."""
        return next((why for trial in self._trials() if (why := trial.user_attrs.get(WHY, ""))), "")

    def steps_of(self, number: int) -> set[int]:
        """At which a trial has reported."""
        return set(self._frozen(number).intermediate_values)

    def is_settled(self, number: int, well: bool) -> bool:
        """Whether the study knows how a trial ended; one that ended `well` after all, that it did."""
        frozen = self._frozen(number)
        if not well or not frozen.state.is_finished():
            return frozen.state.is_finished()
        return frozen.state == TrialState.COMPLETE or self._ended_well_later(number)

    def complete(self, number: int, values: Sequence[float]) -> None:
        """A trial has come to its end with a figure for each objective.

        One that had been closed before, as failed, has its values under a new number.
        """
        frozen = self._frozen(number)
        if not frozen.state.is_finished():
            self._study.tell(number, list(values))
        else:
            known = {"params": frozen.params, "distributions": frozen.distributions, "user_attrs": {AGAIN: number}}
            self._study.add_trial(create_trial(values=list(values), **known))

    def prune(self, number: int, why: str) -> None:
        """A trial ended early because it was not worth it; what it reported counts."""
        self._close(number, why, TrialState.PRUNED if len(self.search.objectives) == 1 else TrialState.FAIL)

    def close(self, number: int, why: str) -> None:
        """Nothing can be learned from a trial."""
        self._close(number, why, TrialState.FAIL)

    def drop(self, number: int) -> None:
        """A proposal is not carried out."""
        self._trial(number).set_user_attr(DROPPED, True)
        self._study.tell(number, state=TrialState.FAIL)

    def open_trials(self) -> list[int]:
        """Numbers of trials of which nothing has come yet."""
        return [trial.number for trial in self._trials() if trial.state == TrialState.RUNNING]

    def __len__(self) -> int:
        """How many trials there are, dropped ones included."""
        return len(self._trials())

    def best(self) -> list[FrozenTrial]:
        """The best trial, or with several objectives those that no other beats in all of them."""
        return self._study.best_trials

    def _close(self, number: int, why: str, state: TrialState) -> None:
        if not self._frozen(number).state.is_finished():
            self._trial(number).set_user_attr(WHY, why)
            self._study.tell(number, state=state)

    def _trials(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _proposed(self) -> tuple[Trial, Values]:
        """By a sampler with a seed of this proposal: one that is opened again would repeat itself."""
        number = len(self)
        factory = self.search.sampler
        fixed_seed = "seed" in getattr(factory, "keywords", {})
        self._study.sampler = factory() if fixed_seed else factory(seed=_seed(self.search.seed, number))
        trial = self._study.ask()
        return trial, _suggested(trial, self.search)

    def _never_drawn(self, before: list[Values]) -> Values:
        dice = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=_seed(self.search.seed, len(before))))
        for _ in range(MOST_DRAWS):
            values = _suggested(dice.ask(), self.search)
            if values not in before:
                return values
        raise Exhausted(f"all that there is in the space has been tried: {len(before)} trials")

    def _ended_well_later(self, number: int) -> bool:
        return any(trial.user_attrs.get(AGAIN) == number for trial in self._trials())

    def _frozen(self, number: int) -> FrozenTrial:
        return self._trials()[number]

    def _trial(self, number: int) -> Trial:
        return Trial(self._study, self._storage.get_trial_id_from_study_id_trial_number(self._id, number))


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """What Optuna draws a parameter from."""
    values = parameter.values
    if isinstance(values, Choice):
        return CategoricalDistribution(values.values)
    if values.is_whole:
        return IntDistribution(int(values.low), int(values.high), values.log, int(values.step or 1))
    return FloatDistribution(values.low, values.high, values.log, values.step)


def _suggested(trial: Trial, search: Search) -> Values:
    """What the trial chooses for every parameter that applies to it."""
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
    """Of one proposal."""
    return int.from_bytes(sha256(f"{seed}/{number}".encode()).digest()[:4])


def _clear_away(path: Path) -> None:
    """What a dead process left: part of a line, and its lock."""
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
            f"{path} is damaged ({error}): give the sweep another name; its runs are not touched"
        ) from error
    study.pruner = search.pruner or optuna.pruners.NopPruner()
    asked = study.user_attrs.get(ASKED)
    if asked is None:
        study.set_user_attr(ASKED, search.describe())
    else:
        refuse_changes(asked, search, path.parent)
    return storage, study
