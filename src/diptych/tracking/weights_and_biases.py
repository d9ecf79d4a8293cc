"""Weights & Biases: online where a key and a network are at hand, else offline; it never hangs and never stops a run.

An offline record cannot be continued in place (syncing the continuation would erase the first part), so a resumed run
writes a new one that begins with everything up to the checkpoint; syncing the newest record gives the whole curve.
Nothing about the machine is sent: no host name, paths, hardware, packages, code or console output.
"""

import logging
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.tracking.base import Cell, RunInfo, Tracker
from diptych.tracking.csv_file import FILE_NAME, read_metrics
from diptych.tracking.network import answers
from diptych.tracking.pictures import PictureList, ShownPicture

PRIVATE = {
    "silent": True,
    "console": "off",
    "save_code": False,
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "host": "",
    "program": "",
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
EXIT_CODES = {"done": 0, "failed": 1, "stopped": 255}
_log = logging.getLogger(__name__)


class WandbTracker(Tracker):
    """One W&B run with the run's own id. `mode` is `online` (falls back to offline, and says so) or `offline`."""

    def __init__(
        self,
        *,
        project: str,
        mode: str = "online",
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        base_url: str | None = None,
        init_timeout_seconds: float = 15,
        finish_timeout_seconds: float = 60,
    ) -> None:
        if mode not in ("online", "offline"):
            raise ValueError(f"tracking.wandb.mode is {mode!r}; it can be online or offline")
        self._mode = mode
        self._place = {"project": project, "entity": entity, "group": group, "name": name, "tags": list(tags)}
        self._settings = PRIVATE | {"init_timeout": init_timeout_seconds, "finish_timeout": finish_timeout_seconds}
        if base_url:
            self._settings["base_url"] = base_url
        self._pictures = PictureList()
        self._run: Any = None

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        os.environ["WANDB_DATA_DIR"] = str(run.folder / "wandb" / "data")  # tables wait there to be synced, not at home
        if self._mode == "online":
            self._run = self._open_online(config, run)
        if self._run is None:
            self._run = self._open(config, run, mode="offline")
        self._run.define_metric("images")
        self._run.define_metric("*", step_metric="images")
        self._pictures = PictureList.open(run.folder / "wandb" / "pictures.jsonl", up_to=run.resume_images)
        if run.resume_images is not None and not self._run.resumed:
            self._repeat_history(run.folder, run.resume_images)

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        self._run.log({**metrics, "images": images})

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        self._send(ShownPicture(name, picture, images, caption))
        self._pictures.add(ShownPicture(name, picture, images, caption))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        wandb = _wandb()
        cells = [[wandb.Image(str(cell)) if isinstance(cell, Path) else cell for cell in row] for row in rows]
        self._run.log({name: wandb.Table(columns=list(columns), data=cells), "images": images})

    def summary(self, values: Mapping[str, float | str]) -> None:
        self._run.summary.update(dict(values))

    def finish(self, status: str) -> str | None:
        """The run's address, or the command that sends the offline record, on lines that a terminal need not break."""
        if self._run is None:
            return None
        line = _how_to_send(Path(self._run.dir).parent) if self._run.offline else f"W&B: {self._run.url}"
        try:
            self._run.summary["status"] = status
        finally:
            self._run.finish(exit_code=EXIT_CODES[status])
            self._run = None
        return line

    def amend(self, run: RunInfo, values: Mapping[str, float | str]) -> str | None:
        """Only online: an offline record is closed, and a second one would replace it when synced."""
        if self._mode == "offline" or any((run.folder / "wandb").glob("offline-run-*")):
            return "W&B: the figures stay here, because the run was recorded offline"
        self._run = self._open_online({}, run)
        if self._run is None:
            return "W&B: the figures stay here"
        self.summary(values)
        return self.finish("done")

    def _open_online(self, config: Mapping[str, Any], run: RunInfo) -> Any:
        """The online run, or None after one line that says why it cannot be."""
        try:
            reason = self.why_offline()
            if reason is None:
                return self._open(config, run, mode="online")
        except Exception as error:
            reason = " ".join(str(error).split())
            _wandb().teardown()  # otherwise a run which never started still occupies its id
        _log.warning("W&B is recorded offline: %s", reason)
        return None

    def why_offline(self) -> str | None:
        wandb = _wandb()
        settings = wandb.setup(wandb.Settings(**self._settings)).settings
        if settings.mode in ("offline", "dryrun", "disabled"):
            return f"WANDB_MODE={settings.mode}"
        if not wandb.login(prompt=False, verify=False):
            return "no API key (`wandb login` stores one)"
        if not answers(settings.base_url):
            return f"{settings.base_url} cannot be reached"
        return None

    def _open(self, config: Mapping[str, Any], run: RunInfo, mode: str) -> Any:
        wandb = _wandb()
        group = self._place["group"] or run.sweep or run.experiment
        names = {"group": group, "name": self._place["name"] or run.id, "job_type": "train"}
        return wandb.init(
            **self._place | names,
            id=run.id,
            dir=str(run.folder),
            mode=mode,
            config=dict(config),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(**self._settings),
        )

    def _repeat_history(self, folder: Path, up_to: int) -> None:
        for row in read_metrics(folder / FILE_NAME):
            if row["images"] <= up_to:
                self.log(row, int(row["images"]))
        for shown in self._pictures.shown:
            self._send(shown)

    def _send(self, shown: ShownPicture) -> None:
        if shown.file.exists():
            picture = _wandb().Image(str(shown.file), caption=shown.caption or None)
            self._run.log({shown.name: picture, "images": shown.images})


def _wandb() -> Any:
    """The library, loaded when first needed; its telemetry would wait at exit for a server that does not answer."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    import wandb

    return wandb


def _how_to_send(record: Path) -> str:
    folder = record.parent
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return f"W&B was recorded offline; to send it:\n(cd {shlex.quote(str(shown))} &&\n wandb sync {record.name})"
