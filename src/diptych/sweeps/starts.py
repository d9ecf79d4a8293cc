"""A start of a job: its command, its slot and its environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.runs.folder.identity import HANDLE_VARIABLE, RUN_ID_VARIABLE, SWEEP_VARIABLE
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from diptych.sweeps.resuming import start_arguments
from diptych.sweeps.slots import Slot

NOT_INHERITED = (HANDLE_VARIABLE, "WANDB_SERVICE")
"""Variables that runs must not inherit. The supervisor may itself be a cluster job, or run W&B: a resumed run that
shared the supervisor's W&B process would find its own id in use there."""


@dataclass(frozen=True)
class Start:
    """One start of a job of the sweep in `folder`, in a slot of its executor."""

    job: Job
    folder: SweepFolder
    slot: Slot

    def command(self) -> list[str]:
        """The command to run now; it depends on the checkpoints that exist at the call."""
        return [sys.executable, "-m", "diptych", *start_arguments(self.job, self.folder.run_of(self.job))]

    @property
    def variables(self) -> Mapping[str, str]:
        """Variables to add to the process's environment."""
        return {**self.slot.environment, RUN_ID_VARIABLE: self.job.run_id, SWEEP_VARIABLE: self.folder.name}

    def environment(self) -> dict[str, str]:
        """The environment of the start's process: the inherited variables and those of the start."""
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        return {**inherited, **self.variables}

    @property
    def log(self) -> Path:
        """The file that the process's output is appended to."""
        return self.folder.log_of(self.job)
