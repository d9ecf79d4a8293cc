"""Names and ids of runs. An id is made once, by the process that starts a run; others inherit it from there."""

import os
import re

from diptych.config.errors import UserError
from diptych.config.resolvers import timed_id

RUN_ID_VARIABLE, SWEEP_VARIABLE = "DIPTYCH_RUN_ID", "DIPTYCH_SWEEP"
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
    """The name of the sweep that this run is of; "" if it is of none."""
    return os.environ.get(SWEEP_VARIABLE, "")


def require_run_id() -> None:
    """Refuse processes of one run that would each make an id of their own."""
    if not os.environ.get(RUN_ID_VARIABLE):
        raise UserError(
            f"{RUN_ID_VARIABLE} is not set: processes that were started apart make one run when all have the same id, "
            f"such as {RUN_ID_VARIABLE}={timed_id()}"
        )


def inherited_or_new_run_id() -> str:
    """The id that a parent process (launcher, sweep) has made for this run, else a new one."""
    run_id = os.environ.get(RUN_ID_VARIABLE)
    if not run_id:
        return timed_id()
    if not _ALLOWED.fullmatch(run_id):
        raise UserError(f"{RUN_ID_VARIABLE}={run_id!r} cannot name a folder: use letters, digits, '-', '_' and '.'")
    return run_id
