"""Names and ids of runs. The process that starts a run makes its id once; other processes inherit it."""

import os
import re

from diptych.config.errors import UserError
from diptych.config.ids import timed_id
from diptych.runs.folder.status import process_handle

RUN_ID_VARIABLE, SWEEP_VARIABLE = "DIPTYCH_RUN_ID", "DIPTYCH_SWEEP"
HANDLE_VARIABLE = "DIPTYCH_HANDLE"
"""The launcher's name for this start of a run, where that is not the process number."""
WANDB_RUN_VARIABLE, WANDB_SWEEP_VARIABLE = "WANDB_RUN_ID", "WANDB_SWEEP_ID"
"""An agent of a W&B sweep sets these; its run id becomes ours."""
_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_NAME = re.compile(r"\w[\w./,=+-]*")
_TAKEN = ("demo", "sweeps", "comparisons")


def check_name(name: str) -> None:
    """Refuse a name that cannot be a folder in `outputs/`; there a slash becomes an underscore."""
    if not _NAME.fullmatch(name):
        raise UserError(f"name={name!r} cannot name a folder: begin with a letter or digit, and leave out spaces")
    if name.casefold() in _TAKEN:
        raise UserError(
            f"name={name}: outputs/{name} is kept for what diptych itself writes there: choose another name"
        )


def inherited_sweep() -> str:
    """The name of the sweep that this run belongs to (the id of a W&B sweep); "" without one."""
    return os.environ.get(SWEEP_VARIABLE) or os.environ.get(WANDB_SWEEP_VARIABLE, "")


def own_handle() -> str:
    """The launcher's name for this process: the cluster's name, else process number and start time."""
    return os.environ.get(HANDLE_VARIABLE) or process_handle(os.getpid())


def inherited_or_new_run_id() -> str:
    """The run id that a parent process (launcher, sweep, W&B agent) has made, else a new one."""
    variable = RUN_ID_VARIABLE
    if not os.environ.get(variable) and os.environ.get(WANDB_SWEEP_VARIABLE):
        variable = WANDB_RUN_VARIABLE
    run_id = os.environ.get(variable)
    if not run_id:
        return timed_id()
    if not _ALLOWED.fullmatch(run_id):
        raise UserError(f"{variable}={run_id!r} cannot name a folder: use letters, digits, '-', '_' and '.'")
    return run_id
