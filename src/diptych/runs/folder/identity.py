"""Names and ids of runs. An id is made once, by the process that starts a run; others inherit it from there."""

import os
import re

from diptych.config.errors import UserError
from diptych.config.resolvers import timed_id
from diptych.runs.folder.status import process_handle

RUN_ID_VARIABLE, SWEEP_VARIABLE = "DIPTYCH_RUN_ID", "DIPTYCH_SWEEP"
HANDLE_VARIABLE = "DIPTYCH_HANDLE"
"""By what name whoever starts a run knows this start of it, where that is not the number of its process."""
WANDB_RUN_VARIABLE, WANDB_SWEEP_VARIABLE = "WANDB_RUN_ID", "WANDB_SWEEP_ID"
"""Set by an agent of a W&B sweep, whose id of a run becomes our own."""
_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

_NAME = re.compile(r"\w[\w./,=+-]*")
_TAKEN = ("demo", "sweeps")


def check_name(name: str) -> None:
    """Refuse what cannot be a folder in `outputs/`; a slash is written as an underscore there."""
    if not _NAME.fullmatch(name):
        raise UserError(f"name={name!r} cannot name a folder: begin with a letter or digit, and leave out spaces")
    if name in _TAKEN:
        raise UserError(
            f"name={name}: outputs/{name} is kept for the links and reports of diptych {name}: take another"
        )


def inherited_sweep() -> str:
    """The name of the sweep that this run is of (of W&B's, its id); "" if it is of none."""
    return os.environ.get(SWEEP_VARIABLE) or os.environ.get(WANDB_SWEEP_VARIABLE, "")


def own_handle() -> str:
    """By what name whoever started this process knows it: a cluster's name for it, else its number and birth."""
    return os.environ.get(HANDLE_VARIABLE) or process_handle(os.getpid())


def inherited_or_new_run_id() -> str:
    """The id that a parent process (launcher, sweep, W&B's agent) has made for this run, else a new one."""
    variable = RUN_ID_VARIABLE
    if not os.environ.get(variable) and os.environ.get(WANDB_SWEEP_VARIABLE):
        variable = WANDB_RUN_VARIABLE
    run_id = os.environ.get(variable)
    if not run_id:
        return timed_id()
    if not _ALLOWED.fullmatch(run_id):
        raise UserError(f"{variable}={run_id!r} cannot name a folder: use letters, digits, '-', '_' and '.'")
    return run_id
