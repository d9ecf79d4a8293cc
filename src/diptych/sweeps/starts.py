"""A start of a job: what is to be run, where, and under which variables."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.runs.folder.identity import HANDLE_VARIABLE, RUN_ID_VARIABLE, SWEEP_VARIABLE
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.resuming import how_to_start
from diptych.sweeps.slots import Slot

NOT_INHERITED = (HANDLE_VARIABLE, "WANDB_SERVICE")
"""A supervisor may itself be a job of a cluster, or have W&B at work. Runs that share its W&B process find themselves
in use there when they are brought back."""


@dataclass(frozen=True)
class Start:
    """One start of a job of the sweep in `folder`, in a slot of its executor."""

    job: Job
    folder: SweepFolder
    slot: Slot

    def command(self) -> list[str]:
        """What to run now; asked again, it goes on from what the run has saved since."""
        return [sys.executable, "-m", "diptych", *how_to_start(self.job, self.folder.run_of(self.job))]

    @property
    def variables(self) -> Mapping[str, str]:
        """To be added to the process's environment."""
        return {**self.slot.environment, RUN_ID_VARIABLE: self.job.run_id, SWEEP_VARIABLE: self.folder.name}

    def environment(self) -> dict[str, str]:
        """Of its process: what this one has, but for what is its own, and the variables of the start."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return {**inherited, **self.variables}

    @property
    def log(self) -> Path:
        """What the process says is added to this file."""
        return self.folder.log_of(self.job)
