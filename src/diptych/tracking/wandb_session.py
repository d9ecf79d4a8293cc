"""Opening a W&B run: online where a key and a server are at hand, else offline, within seconds and without questions.

Nothing about the machine is sent unless asked: no host or user name, paths, packages, code, console output or loads.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from diptych.tracking.network import answers

PRIVATE = {
    "silent": True,
    "console": "off",
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "program": "",
    "x_save_requirements": False,
}
ABOUT_THE_MACHINE = {"host": "", "x_disable_meta": True, "x_disable_stats": True, "x_disable_machine_info": True}


def library() -> Any:
    """The library, loaded when first needed; its telemetry would wait at exit for a server that does not answer."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


class Session:
    """How runs are opened: the library's `settings`, and `online` if that is to be tried."""

    def __init__(self, *, online: bool, log_machine: bool = False, **settings: Any) -> None:
        self.online = online
        self._settings = PRIVATE | ({} if log_machine else ABOUT_THE_MACHINE) | settings

    def why_offline(self) -> str | None:
        """What keeps runs from being recorded online; None if nothing does, as far as can be told beforehand."""
        wandb = library()
        settings = wandb.setup(wandb.Settings(**self._settings)).settings
        if settings.mode in ("offline", "dryrun", "disabled"):
            return f"WANDB_MODE={settings.mode}"
        if not wandb.login(prompt=False, verify=False):
            return "no API key; `wandb login` stores one"
        if not answers(settings.base_url):
            return f"{settings.base_url} does not answer"
        return None

    def open_online(self, resume: str | None, options: Mapping[str, Any]) -> tuple[Any, str]:
        """The run, or None and the reason. `resume` is "allow" for one that the server may know already."""
        try:
            reason = self.why_offline()
            if reason is None:
                return self._init(mode="online", resume=resume, **options), ""
        except Exception as error:
            reason = " ".join(str(error).split())
            let_go()  # otherwise a run that never started still occupies its id
        return None, reason

    def open_offline(self, options: Mapping[str, Any]) -> Any:
        """A record of its own on the disk, which is whole and takes the place of what the server has of the run."""
        return self._init(mode="offline", **options)

    def _init(self, **options: Any) -> Any:
        wandb = library()
        return wandb.init(reinit="create_new", settings=wandb.Settings(**self._settings), **options)


def let_go() -> None:
    """End the library's service, dead or alive; a dead one would complain when Python exits."""
    with suppress(Exception):
        library().teardown()
