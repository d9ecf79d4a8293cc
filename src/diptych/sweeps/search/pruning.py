"""Follows the runs of a trial at their validations, and gives trials up that are not worth their budget.

The runs of a trial come one after the other. At each validation of a run the trial's figure is the mean over the best
figures of the runs before it and this one's figure; steps go on counting from run to run.
"""

from collections.abc import Iterable, Sequence

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, RUNNING
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.search.figures import curve_of, figures_of, together
from diptych.sweeps.search.request import Search
from diptych.sweeps.search.study import Study

Stamp = tuple[int, int]


class Watcher:
    """Reports to a study what runs measure; its verdicts stand in the study, so that none is lost."""

    def __init__(self, folder: SweepFolder, search: Search, study: Study) -> None:
        self.folder, self.search, self.study = folder, search, study
        self._seen: dict[int, Stamp] = {}

    def watch(self, number: int, members: Sequence[Job]) -> None:
        """Report what is new of an open trial's runs, until the pruner gives the trial up."""
        objective, news = self.search.objectives[0], self._has_news(members)
        if self.search.pruner is None or not news or self.study.is_settled(number, well=False):
            return
        reported, first, before = self.study.steps_of(number), 0, list[float]()
        for job in members:
            run = self.folder.run_of(job)
            curve = curve_of(run, objective) if run is not None else []
            for step, value in enumerate(curve, start=first):
                figure = together(self.search, [*before, value], objective)
                if step not in reported and self.study.report(number, step, figure):
                    self.study.give_up(number, f"{objective.metric} {figure:.4g} at validation {step + 1}")
                    return
            if run is None or job.state != DONE or not curve:
                return
            first += len(curve)
            before += figures_of(run, [objective])

    def ask_to_end(self, members: Iterable[Job], why: str) -> None:
        """Whichever of these runs are under way."""
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
    """Changes whenever the run has measured something."""
    try:
        status = run.metrics.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
