"""Lets a study decide what a sweep runs next: proposals become jobs, and what comes of jobs is told to the study.

A trial is one proposal, carried out by one job or, with repeats, by several. The ledger is the truth about jobs; the
study is told of it, so that either may lag behind the other by a moment when the supervisor is killed.
"""

import logging
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder import RunFolder
from diptych.runs.status import DIVERGED, DONE, FAILED, PRUNED, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job, Jobs
from diptych.sweeps.planning import Plan, Planner
from diptych.sweeps.search.figures import NotMeasured, curve_of, figures_of, together
from diptych.sweeps.search.request import Search
from diptych.sweeps.search.study import AGAIN, FILE_NAME, Exhausted, Study

log = logging.getLogger(__name__)

MOST_FAILURES = 5
"""Trials after which a search gives up, if all of them have failed."""
MOST_SHOWN = 5
Trials = list[tuple[int, list[Job]]]
UNFIT = (FAILED, DIVERGED, PRUNED)
"""One run that ends so ends its trial."""


class SearchPlanner(Planner):
    """Keeps as many trials going as there are slots, until there have been `n_trials`."""

    def __init__(self, folder: SweepFolder, search: Search) -> None:
        """Take the study up again; the sweep is in hand."""
        self.folder, self.search = folder, search
        self.study = Study(folder.path, folder.name, search)
        self._seen: dict[int, tuple[int, int]] = {}
        self._settled: set[tuple[int, str]] = set()
        self._exhausted = False
        jobs = folder.jobs()
        self._refuse_another_study(jobs)
        begun = {trial for trial, _ in trials_of(jobs)}
        for number in set(self.study.open_trials()) - begun:
            self.study.drop(number)

    def look(self, jobs: Jobs) -> None:
        """Tell the study what is new, and ask runs that are not worth it to end."""
        for number, members in trials_of(jobs):
            state = self._state_of(members)
            if state is None:
                self._watch(number, members)
            elif (number, state) not in self._settled:
                self._settled.add((number, state))
                if not self.study.is_settled(number, well=state == DONE):
                    self._settle(number, members, state)

    def plans(self, jobs: Jobs, free: int) -> list[Plan]:
        """What further runs trials in hand need, then new trials."""
        trials = trials_of(jobs)
        plans = [
            self._plan(number, members[0].values, len(members))
            for number, members in trials
            if len(members) < self.search.runs_per_trial and not any(job.state in UNFIT for job in members)
        ]
        if not plans and not self._gives_up(trials):
            plans = self._proposals(min(free, self.search.n_trials - len(trials)))
        return plans[:free]

    def summary(self) -> list[str]:
        """The best trial, or the trials that no other beats."""
        lines = []
        for best in self.study.best()[:MOST_SHOWN]:
            pairs = zip(self.search.objectives, best.values, strict=True)
            figures = ", ".join(f"{objective.metric} {value:.4g}" for objective, value in pairs)
            chosen = " ".join(f"{key}={short(value)}" for key, value in best.params.items())
            lines.append(f"best: {figures} with {chosen} (trial {best.user_attrs.get(AGAIN, best.number)})")
        return lines

    def _gives_up(self, trials: Trials) -> bool:
        """Everything has been tried, or nothing but failures came of the first trials."""
        if self._exhausted or len(trials) < MOST_FAILURES:
            return self._exhausted
        self._exhausted = all(self._state_of(members) == FAILED for _, members in trials)
        if self._exhausted:
            log.warning("all of the first %d trials failed, so no more are begun", len(trials))
        return self._exhausted

    def _proposals(self, wanted: int) -> list[Plan]:
        plans = []
        try:
            for _ in range(wanted):
                number, values = self.study.ask()
                plans.append(self._plan(number, values, 0))
        except Exhausted as error:
            self._exhausted = True
            log.info("%s", error)
        except (ValueError, ImportError) as error:  # samplers refuse spaces and objectives that they cannot draw from
            raise UserError(f"hydra/sweeper/sampler: {error}") from error
        return plans

    def _plan(self, number: int, values: Mapping[str, Any], member: int) -> Plan:
        return Plan(tuple(self.search.arguments(values, member)), number, values)

    def _state_of(self, members: list[Job]) -> str | None:
        """How a trial ended, as soon as that is certain and none of its runs is under way."""
        if any(job.state == RUNNING for job in members):
            return None
        for state in UNFIT:
            if any(job.state == state for job in members):
                return state
        whole = len(members) == self.search.runs_per_trial and all(job.state == DONE for job in members)
        return DONE if whole else None

    def _settle(self, number: int, members: list[Job], state: str) -> None:
        why = next((job.why for job in members if job.state == state), "")
        try:
            if state == DONE:
                self.study.complete(number, self._figures(members))
            elif state == FAILED:
                self.study.close(number, why)
            else:
                self.study.prune(number, why or state)
        except NotMeasured as error:
            log.warning("trial %d has no figure: %s", number, error)
            self.study.close(number, str(error))

    def _figures(self, members: list[Job]) -> list[float]:
        """For each objective, of all runs of a trial together."""
        runs = [figures_of(self._run(job), self.search.objectives) for job in members]
        together_of = zip(zip(*runs, strict=True), self.search.objectives, strict=True)
        return [together(self.search, figures, objective) for figures, objective in together_of]

    def _watch(self, number: int, members: list[Job]) -> None:
        """Report the mean of the runs begun so far at every validation that all of them have behind them."""
        if any(job.state in UNFIT for job in members):
            return self._ask_to_end(members, "another run of its trial did not come to its end")
        if self.search.pruner is None or not self._has_news(members):
            return None
        curves = [curve_of(run, self.search.objectives[0]) for job in members if (run := self.folder.run_of(job))]
        if len(curves) < len(members):
            return None
        reported = self.study.steps_of(number)
        for step in range(min(map(len, curves))):
            figure = together(self.search, [curve[step] for curve in curves], self.search.objectives[0])
            if step not in reported and self.study.report(number, step, figure):
                metric = self.search.objectives[0].metric
                return self._ask_to_end(members, f"{metric} {figure:.4g} at validation {step + 1}")
        return None

    def _has_news(self, members: Iterable[Job]) -> bool:
        news = False
        for job in members:
            run = self.folder.run_of(job)
            stamp = _stamp(run) if run is not None else (0, 0)
            news |= self._seen.get(job.number) != stamp
            self._seen[job.number] = stamp
        return news

    def _ask_to_end(self, members: Iterable[Job], why: str) -> None:
        for job in members:
            run = self.folder.run_of(job) if job.state == RUNNING else None
            if run is not None and not run.prune.exists():
                run.ask_to_prune(why)

    def _run(self, job: Job) -> RunFolder:
        run = self.folder.run_of(job)
        if run is None:
            raise NotMeasured(f"{job.run_id} is gone")
        return run

    def _refuse_another_study(self, jobs: Jobs) -> None:
        if any(number >= len(self.study) for number, _ in trials_of(jobs)):
            raise UserError(
                f"{self.folder.path / FILE_NAME} knows less than the sweep's ledger: put a whole copy in its place, or "
                "give the search another --sweep NAME; its runs are not touched"
            )


def trials_of(jobs: Iterable[Job]) -> Trials:
    """The jobs of each trial, in the order in which they were proposed."""
    of_trials = sorted((job for job in jobs if job.trial is not None), key=lambda job: (job.trial, job.number))
    return [(number or 0, list(members)) for number, members in groupby(of_trials, key=lambda job: job.trial)]


def short(value: Any) -> str:
    """For people; the exact value is in the ledger."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _stamp(run: RunFolder) -> tuple[int, int]:
    """Changes whenever the run has measured something."""
    try:
        status = run.metrics.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
