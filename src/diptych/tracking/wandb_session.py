"""Open a W&B run: online with a key and a server, else offline, within seconds and without prompts.

By default it sends nothing about the machine: no host or user name, paths, packages, code, console output or loads.
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
FLUSH_SECONDS = 1.0
"""A killed run loses at most this much of its offline record; the library's 15 could lose a whole short run."""
WITHOUT_MACHINE = {"host": "", "x_disable_meta": True, "x_disable_stats": True, "x_disable_machine_info": True}


SERVICE = "WANDB_SERVICE"
"""Where the library's own process listens, as "version-pid of its parent-…"; child processes inherit it."""


def library() -> Any:
    """wandb, imported when first needed, without its error reports, which would wait for a silent server at exit.

    A service that another process has started may end at any time and take this run's record with it; it is not used.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    if f"-{os.getpid()}-" not in os.environ.get(SERVICE, ""):
        os.environ.pop(SERVICE, None)
    import wandb

    return wandb


class Session:
    """Opens runs with the library's `settings`; with `online`, it tries the server first."""

    def __init__(self, *, online: bool, log_machine: bool = False, **settings: Any) -> None:
        self.online = online
        self._settings = PRIVATE | ({} if log_machine else WITHOUT_MACHINE) | settings
        self._settings["x_transaction_log_flush_interval"] = FLUSH_SECONDS

    def why_offline(self) -> str | None:
        """Why runs cannot be recorded online; None if no reason is known beforehand."""
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
        """The run, or None and the reason. `resume` is "allow" for a run that the server may already have."""
        try:
            reason = self.why_offline()
            if reason is None:
                return self._init(mode="online", resume=resume, **options), ""
        except Exception as error:
            reason = " ".join(str(error).split())
            teardown()  # otherwise a run that did not start still occupies its id
        return None, reason

    def open_offline(self, options: Mapping[str, Any]) -> Any:
        """A new, complete record on the disk; once sent, it replaces the server's record of the run."""
        return self._init(mode="offline", **options)

    def _init(self, **options: Any) -> Any:
        wandb = library()
        return wandb.init(reinit="create_new", settings=wandb.Settings(**self._settings), **options)


def teardown() -> None:
    """End the library's service, even a dead one, which would raise errors when Python exits."""
    with suppress(Exception):
        library().teardown()
