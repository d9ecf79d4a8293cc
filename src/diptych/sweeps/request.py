"""The request of one call: plans of a grid, or a search."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diptych.sweeps.controller import Policy
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job, new_plans, plans_left
from diptych.sweeps.planning import Planner

if TYPE_CHECKING:
    from diptych.sweeps.search.request import Search


@dataclass(frozen=True)
class SweepRequest:
    """One call of a sweep. `plans` are arguments of `diptych train`, a list per run; a `search` plans runs itself.

    Grids do not import Optuna. `command` resumes the sweep, where the present command with the sweep's name does not.
    `watcher` looks at the jobs of a grid while they run; a search has a planner of its own. With `leaves_others`, jobs
    of earlier calls that are no plan of this one stay as they are; otherwise the sweep resumes them, too.
    """

    plans: Sequence[Sequence[str]] = ()
    policy: Policy = field(default_factory=Policy)
    search: "Search | None" = None
    command: Sequence[str] = ()
    watcher: Planner = field(default_factory=Planner)
    leaves_others: bool = False

    def takes(self, job: Job) -> bool:
        """Whether the call carries out this job."""
        return not self.leaves_others or job.arguments in map(tuple, self.plans)

    def begins_runs(self, folder: SweepFolder) -> bool:
        """Whether the call adds runs to the sweep."""
        if self.search is None:
            return bool(new_plans(folder.jobs(), self.plans))
        from diptych.sweeps.search.planner import trials_of

        return len(trials_of(folder.jobs())) < self.search.n_trials

    def left(self, folder: SweepFolder) -> list[Sequence[str]]:
        """The arguments of the runs left; for future proposals of a search, what is known of them."""
        if self.search is None:
            return plans_left(folder.jobs(), self.plans)
        from diptych.sweeps.search.planner import runs_left

        return runs_left(folder.jobs(), self.search)

    def planner(self, folder: SweepFolder) -> Planner:
        """The planner of further runs; the caller holds the sweep's lock."""
        if self.search is None:
            return self.watcher
        from diptych.sweeps.search.planner import SearchPlanner

        return SearchPlanner(folder, self.search)
