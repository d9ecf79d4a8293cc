"""Pruning: report every validation to the study, and end the trials that its pruner rejects.

The runs of a trial follow one another. At each validation, the trial's figure is the mean over the best figures of the
earlier runs and the present figure of this run. Steps count on from run to run.
"""

from collections.abc import Iterable, Sequence

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.search.figures import aggregated, curve_of, figures_of
from diptych.sweeps.search.request import Search
from diptych.sweeps.search.study import Study

Stamp = tuple[int, int]


class TrialPruner:
    """Reports the runs' figures to a study, which keeps the pruner's verdicts."""

    def __init__(self, folder: SweepFolder, search: Search, study: Study) -> None:
        self.folder, self.search, self.study = folder, search, study
        self._seen: dict[int, Stamp] = {}

    def update(self, number: int, members: Sequence[Job]) -> None:
        """Report the new validations of an open trial, until the pruner rejects the trial."""
        objective, news = self.search.objectives[0], self._has_news(members)
        if self.search.pruner is None or not news or self.study.is_settled(number, well=False):
            return
        reported, first, before = self.study.steps_of(number), 0, list[float]()
        for job in members:
            run = self.folder.run_of(job)
            curve = curve_of(run, objective) if run is not None else []
            for step, value in enumerate(curve, start=first):
                figure = aggregated(self.search, [*before, value], objective)
                if step not in reported and self.study.report(number, step, figure):
                    self.study.give_up(number, f"{objective.name} {figure:.4g} at validation {step + 1}")
                    return
            if run is None or job.state != DONE or not curve:
                return
            first += len(curve)
            before += figures_of(run, [objective])

    def ask_to_end(self, members: Iterable[Job], why: str) -> None:
        """Ask those of the runs that are running to save and end."""
        for job in members:
            run = self.folder.run_of(job) if job.state == RUNNING else None
            if run is not None and not run.prune.exists():
                run.ask_to_prune(why)

    def _has_news(self, members: Iterable[Job]) -> bool:
        news = False
        for job in members:
            run = self.folder.run_of(job)
            stamp = _stamp(run) if run is not None else (0, 0)
            news |= self._seen.get(job.number) != stamp
            self._seen[job.number] = stamp
        return news


def _stamp(run: RunFolder) -> Stamp:
    """A value that changes whenever the run logs a figure."""
    try:
        status = run.metrics.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
