"""Weights & Biases: online with a key and a network, else offline; it never hangs or stops a run.

An offline record cannot be continued (the server would take the continuation for the whole), so a resumed run writes a
new one that repeats everything up to the checkpoint. Online, a resumed run sends what the server lacks. Either way a
run has one curve. docs/tracking.md lists what is sent.
"""

import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.tracking.base import Cell, RunInfo, Tracker
from diptych.tracking.csv_file import FILE_NAME, read_metrics
from diptych.tracking.exhibits import Exhibit, Exhibits, Picture, Table
from diptych.tracking.offline import command_to_send, put_aside, records_of
from diptych.tracking.wandb_session import Session, library, teardown

TRAIN, EVALUATE = "train", "evaluate"
EXIT_CODES = {"done": 0, "pruned": 0, "stopped": 255, "preempted": 255, "lost": 255}
"""W&B shows a run as finished (0), killed (255) or failed (1, every other status)."""
NOTHING = -1
_log = logging.getLogger(__name__)


class WandbTracker(Tracker):
    """One W&B run with the run's own id. `mode` is `online` (falls back to offline with a warning) or `offline`."""

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
        log_images: bool = True,
        log_tables: bool = True,
        log_checkpoints: bool = False,
        log_machine: bool = False,
        init_timeout_seconds: float = 10,
        finish_timeout_seconds: float = 60,
    ) -> None:
        if mode not in ("online", "offline"):
            raise ValueError(f"tracking.wandb.mode={mode!r}: choose online or offline")
        self._place = {"project": project, "entity": entity, "group": group, "name": name, "tags": list(tags) or None}
        self._chosen = {Picture: log_images, Table: log_tables}
        self._log_checkpoints = log_checkpoints
        timeouts = {"init_timeout": init_timeout_seconds, "finish_timeout": finish_timeout_seconds}
        server = {"base_url": base_url} if base_url else {}
        self._session = Session(
            online=mode == "online", log_machine=log_machine, finish_timeout_raises=True, **timeouts, **server
        )
        self._exhibits = Exhibits()
        self._known_images = NOTHING
        self._folder = Path()
        self._run: Any = None

    def why_offline(self) -> str | None:
        """Why runs cannot be recorded online; None if they can."""
        return self._session.why_offline()

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        self._open_folder(run.folder)
        before = records_of(run.folder, run.id)
        resume = "allow" if run.resume_images is not None else None
        self._run = self._open({**config, **run.facts}, run, resume)
        put_aside([record for record in before if record != Path(self._run.dir).parent])
        self._run.define_metric("images")
        self._run.define_metric("*", step_metric="images")
        self._known_images = int(self._run.summary.get("images", NOTHING)) if self._run.resumed else NOTHING
        self._exhibits = Exhibits.open(run.folder / "wandb" / "shown.jsonl", up_to=run.resume_images)
        if run.resume_images is not None:
            self._repeat(run.folder, run.resume_images)

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        if images >= self._known_images:
            self._run.log({**metrics, "images": images})

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        self._add(Picture(name, images, picture, caption))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        self._add(Table(name, images, columns, rows))

    def summary(self, values: Mapping[str, float | str]) -> None:
        self._run.summary.update(dict(values))

    def checkpoint(self, file: Path, images: int) -> None:
        if self._log_checkpoints:
            artifact = library().Artifact(f"run-{self._run.id}-checkpoint", type="model", metadata={"images": images})
            artifact.add_file(str(file), name=file.name)
            self._run.log_artifact(artifact, aliases=[file.stem])

    def finish(self, status: str) -> str | None:
        """The run's address, or the command that sends its record."""
        run, self._run = self._run, None
        if run is None:
            return None
        try:
            run.summary["status"] = status
            run.finish(exit_code=EXIT_CODES.get(status, 1))
        except TimeoutError:
            teardown()
            return f"the upload to W&B timed out; to finish it:\nwandb sync --no-skip-online {Path(run.dir).parent}"
        except Exception:
            teardown()
            raise
        if not run.offline:
            return f"W&B: {run.url}"
        return f"W&B was recorded offline; to send it:\n{command_to_send(self._folder)}"

    def amend(
        self, config: Mapping[str, Any], run: RunInfo, values: Mapping[str, float | str], status: str
    ) -> str | None:
        """Add to the summary of an ended online run; else write a separate record with job type `evaluate`."""
        self._open_folder(run.folder)
        if self._session.online and status != "running" and not records_of(run.folder, run.id):
            self._run, reason = self._session.open_online("allow", self._options({}, run))
            if reason:
                _log.warning("W&B is recorded offline: %s", reason)
        if self._run is None:
            facts = {**config, **run.facts, "evaluated_run": run.id}
            names = {"id": f"{run.id}-{EVALUATE}-{secrets.token_hex(3)}", "job_type": EVALUATE}
            self._run = self._session.open_offline(self._options(facts, run) | names)
            status = "done"
        self.summary(values)
        return self.finish(status)

    def _open_folder(self, folder: Path) -> None:
        self._folder = folder
        os.environ["WANDB_DATA_DIR"] = str(
            folder / "wandb" / "data"
        )  # unsent tables stay there, not in the home folder

    def _open(self, config: Mapping[str, Any], run: RunInfo, resume: str | None) -> Any:
        """Open online if possible, else offline, with one message that names the reason and the command to send it."""
        options, reason = self._options(config, run), ""
        if self._session.online:
            opened, reason = self._session.open_online(resume, options)
            if opened is not None:
                return opened
        opened = self._session.open_offline(options)
        if reason:
            _log.warning("W&B is recorded offline: %s. To send it later:\n%s", reason, command_to_send(run.folder))
        return opened

    def _options(self, config: Mapping[str, Any], run: RunInfo) -> dict[str, Any]:
        group = self._place["group"] or run.sweep or run.experiment
        names = {"group": group, "name": self._place["name"] or run.id, "job_type": TRAIN}
        return self._place | names | {"id": run.id, "dir": str(run.folder), "config": dict(config)}

    def _repeat(self, folder: Path, up_to: int) -> None:
        """Log everything before the checkpoint that the record does not have yet."""
        rows = [(int(row["images"]), row) for row in read_metrics(folder / FILE_NAME)]
        exhibits = [(exhibit.images, exhibit) for exhibit in self._exhibits.shown]
        for images, event in sorted([*rows, *exhibits], key=lambda pair: pair[0]):
            if not self._known_images < images <= up_to:
                continue
            if isinstance(event, dict):
                self._run.log({**event, "images": images})
            else:
                self._show(event)

    def _add(self, exhibit: Exhibit) -> None:
        """Show an exhibit; after a failure (no server, a full disk), stop sending its kind, but keep the curves."""
        if not self._chosen[type(exhibit)]:
            return
        try:
            self._exhibits.add(exhibit)
            if exhibit.images >= self._known_images:
                self._show(exhibit)
        except Exception as error:
            self._chosen[type(exhibit)] = False
            kind, reason = type(exhibit).__name__.lower(), " ".join(str(error).split())
            _log.warning("W&B receives no more %ss of this start: %s", kind, reason)

    def _show(self, exhibit: Exhibit) -> None:
        media = _media(exhibit)
        if media is not None:
            self._run.log({exhibit.name: media, "images": exhibit.images})


def _media(exhibit: Exhibit) -> Any:
    """The exhibit as wandb's picture or table; missing files are left empty."""
    if isinstance(exhibit, Picture):
        return _picture(exhibit.file, exhibit.caption or None)
    cells = [[_picture(cell) if isinstance(cell, Path) else cell for cell in row] for row in exhibit.rows]
    return library().Table(columns=list(exhibit.columns), data=cells)


def _picture(file: Path, caption: str | None = None) -> Any:
    return library().Image(str(file), caption=caption) if file.exists() else None
