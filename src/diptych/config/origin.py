"""Where an error was raised, and so whether it is a message for the user or a fault of a program.

diptych's own checks raise `ValueError` with the key, the value and the fix. A `ValueError` of a library, of the user's
own code, or of Python itself within our code says nothing about the command that was typed.
"""

import dis
from types import TracebackType

from diptych.config.errors import UserError

OURS = ("diptych", "hydra_plugins")
_RAISES = dis.opmap["RAISE_VARARGS"]


def is_message(error: BaseException) -> bool:
    """Whether the error speaks to the user: our own code raised it on purpose, with a `raise` statement."""
    if isinstance(error, UserError):
        return True
    if not isinstance(error, ValueError):
        return type(error).__module__.startswith(("omegaconf.", "yaml."))
    raised = _innermost(error)
    if raised is None:
        return True
    package = raised.tb_frame.f_globals.get("__name__", "").partition(".")[0]
    return package in OURS and raised.tb_frame.f_code.co_code[raised.tb_lasti] == _RAISES


def raised_in(error: BaseException) -> str:
    """File, line and function of the `raise`; "" if the error was never raised."""
    raised = _innermost(error)
    if raised is None:
        return ""
    code = raised.tb_frame.f_code
    return f"{code.co_filename}:{raised.tb_lineno}, in {code.co_name}"


def _innermost(error: BaseException) -> TracebackType | None:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback
