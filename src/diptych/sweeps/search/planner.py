"""The planner of a search: proposals of the study become jobs, and results of jobs go back to the study.

A trial is one proposal. One job carries it out, or several with repeats. The ledger is the authority on jobs, and the
study follows it. If the supervisor is killed, one may lag behind the other for a moment.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, PRUNED, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import UNFINISHED, Job, Jobs
from diptych.sweeps.planning import Planner, RunPlan
from diptych.sweeps.search.figures import NotMeasured, aggregated, figures_of
from diptych.sweeps.search.pruning import TrialPruner
from diptych.sweeps.search.request import Search
from diptych.sweeps.search.study import AGAIN, FILE_NAME, Exhausted, Study

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""A search gives up if its first trials, so many of them, all fail."""
OTHER_FAILED = "another run of its trial failed"
MOST_SHOWN = 5
Trials = list[tuple[int, list[Job]]]
UNFIT = (FAILED, DIVERGED, PRUNED)
"""A run in one of these states ends its trial."""


class SearchPlanner(Planner):
    """Keeps the slots filled with trials, up to `n_trials` in all.

    A diverged trial is a result, not a failure: the study learns from it.
    """

    bad_ends = (FAILED,)

    def __init__(self, folder: SweepFolder, search: Search) -> None:
        """Open the study; the caller holds the sweep's lock."""
        self.folder, self.search = folder, search
        self.study = Study(folder.path, folder.name, search)
        self.trial_pruner = TrialPruner(folder, search, self.study)
        self._settled: set[tuple[int, str]] = set()
        self._exhausted = False
        jobs = folder.jobs()
        self._refuse_another_study(jobs)
        begun = {trial for trial, _ in trials_of(jobs)}
        for number in set(self.study.open_trials()) - begun:
            self.study.drop(number)
        if len(begun) > search.n_trials:
            log.info(
                "n_trials=%d, and %d trials began already: the search proposes nothing new", search.n_trials, len(begun)
            )

    def look(self, jobs: Jobs) -> None:
        """Report the news to the study, and ask rejected runs to end."""
        for number, members in trials_of(jobs):
            state = self._state_of(number, members)
            if state is None:
                self._follow(number, members)
            elif (number, state) not in self._settled:
                if not self.study.is_settled(number, well=state == DONE):
                    self._settle(number, members, state)
                self._settled.add((number, state))

    def plans(self, jobs: Jobs, free: int) -> list[RunPlan]:
        """The missing runs of open trials first, then new trials."""
        trials = trials_of(jobs)
        plans = [
            self._plan(number, members[0].values, len(members))
            for number, members in trials
            if self._lacks_runs(number, members)
        ]
        missing = self.search.n_trials - len(trials)
        if not plans and missing > 0 and not self._gives_up(trials):
            plans = self._proposals(min(free, missing))
        return plans[:free]

    def summary(self) -> list[str]:
        """The best trial, those that tie for it, or the Pareto front."""
        everyone = self.study.best()
        is_tie = len(everyone) > 1 and len(self.search.objectives) == 1
        lines = (
            [f"{len(everyone)} trials tie for the best; no figure of this search tells them apart"] if is_tie else []
        )
        for best in everyone[:MOST_SHOWN]:
            pairs = zip(self.search.objectives, best.values, strict=True)
            figures = ", ".join(f"{objective.name} {value:.4g}" for objective, value in pairs)
            chosen = " ".join(f"{key}={short(value)}" for key, value in best.params.items())
            lines.append(f"best: {figures} with {chosen} (trial {best.user_attrs.get(AGAIN, best.number)})")
        return lines

    def why_no_result(self) -> str:
        return "" if self.study.best() else self.study.first_reason() or "no trial finished"

    def wants_more(self, jobs: Jobs) -> bool:
        trials = trials_of(jobs)
        if any(self._lacks_runs(number, members) for number, members in trials):
            return True
        return len(trials) < self.search.n_trials and not self._gives_up(trials)

    def _lacks_runs(self, number: int, members: Sequence[Job]) -> bool:
        if len(members) == self.search.runs_per_trial or self.study.given_up(number):
            return False
        if self.search.pruner is not None and any(job.state != DONE for job in members):
            return False  # the pruner may still reject the trial, and then the next run is not needed
        return not any(job.state in UNFIT for job in members)

    def _gives_up(self, trials: Trials) -> bool:
        """Whether the space is exhausted, or the first trials all failed."""
        if not self._exhausted:
            ended = [number for number, members in trials if self._state_of(number, members) is not None]
            self._exhausted = len(ended) >= MOST_FAILURES and all(map(self.study.has_failed, ended))
            if self._exhausted:
                log.warning("the first %d trials all failed, so the search starts no more", len(ended))
        return self._exhausted

    def _proposals(self, wanted: int) -> list[RunPlan]:
        plans = []
        try:
            for _ in range(wanted):
                number, values = self.study.ask()
                plans.append(self._plan(number, values, 0))
        except Exhausted as error:
            self._exhausted = True
            log.info("%s", error)
        except (ValueError, ImportError) as error:  # a sampler refuses a space or an objective that it does not support
            raise UserError(f"hydra/sweeper/sampler: {error}") from error
        return plans

    def _plan(self, number: int, values: Mapping[str, Any], member: int) -> RunPlan:
        return RunPlan(tuple(self.search.arguments(values, member)), number, values)

    def _follow(self, number: int, members: Sequence[Job]) -> None:
        """Report a running trial; end it if the pruner rejects it or if one of its runs failed."""
        if any(job.state in UNFIT for job in members):
            return self.trial_pruner.ask_to_end(members, OTHER_FAILED)
        self.trial_pruner.update(number, members)
        why = self.study.given_up(number)
        return self.trial_pruner.ask_to_end(members, why) if why else None

    def _state_of(self, number: int, members: Sequence[Job]) -> str | None:
        """How a trial ended; None while that is open or one of its runs is running."""
        if any(job.state == RUNNING for job in members):
            return None
        for state in UNFIT:
            if any(job.state == state for job in members):
                return state
        if self.study.given_up(number):
            return PRUNED
        whole = len(members) == self.search.runs_per_trial and all(job.state == DONE for job in members)
        return DONE if whole else None

    def _settle(self, number: int, members: Sequence[Job], state: str) -> None:
        why = next((job.why for job in members if job.state == state), "")
        try:
            if state == DONE:
                self.study.complete(number, self._figures(members))
            elif state == FAILED:
                self.study.close(number, why)
            else:
                self.study.prune(number, why or state)
        except ValueError as error:  # the run never logged the figure, or one of its files is damaged
            log.warning("trial %d has no figure: %s", number, error)
            self.study.close(number, str(error))

    def _figures(self, members: Sequence[Job]) -> list[float]:
        """For each objective, one figure over all runs of a trial."""
        runs = [figures_of(self._run(job), self.search.objectives) for job in members]
        by_objective = zip(zip(*runs, strict=True), self.search.objectives, strict=True)
        return [aggregated(self.search, figures, objective) for figures, objective in by_objective]

    def _run(self, job: Job) -> RunFolder:
        run = self.folder.run_of(job)
        if run is None:
            raise NotMeasured(f"the folder of {job.run_id} is gone")
        return run

    def _refuse_another_study(self, jobs: Jobs) -> None:
        if any(number >= len(self.study) for number, _ in trials_of(jobs)):
            raise UserError(
                f"{self.folder.path / FILE_NAME} has fewer trials than the sweep's ledger: restore a complete copy, or "
                "give the search another --sweep NAME; its runs stay as they are"
            )


def trials_of(jobs: Iterable[Job]) -> Trials:
    """The jobs of each trial, in the order of the proposals."""
    of_trials = sorted((job for job in jobs if job.trial is not None), key=lambda job: (job.trial, job.number))
    return [(number or 0, list(members)) for number, members in groupby(of_trials, key=lambda job: job.trial)]


def runs_left(jobs: Jobs, search: Search) -> list[Sequence[str]]:
    """The arguments of the runs that a search still has to do; future proposals lack their values."""
    trials = trials_of(jobs)
    left: list[Sequence[str]] = [job.arguments for job in jobs if job.state in UNFINISHED]
    for _, begun in trials:
        if not any(job.state in UNFIT for job in begun):
            left += [search.arguments(begun[0].values, member) for member in range(len(begun), search.runs_per_trial)]
    whole = [search.arguments({}, member) for member in range(search.runs_per_trial)]
    return [*left, *whole * max(0, search.n_trials - len(trials))]


def short(value: Any) -> str:
    """Rounded for people; the ledger has the exact value."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
