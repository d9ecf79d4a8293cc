"""The layout of a run folder, known here and only here.

`outputs/<experiment>/<run_id>/` holds config.yaml, overrides.yaml, environment.json, status.json, log.txt,
metrics.csv, run.lock, for a moment prune, checkpoints/, samples/, parts/ and evaluations/, and what was asked of it
later: generated/, attention/. A run on several devices has ranks/ too, with what its other processes said.
"""

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import yaml

from diptych.config.errors import UserError
from diptych.config.redaction import without_paths
from diptych.runs.folder.files import write_over, write_whole
from diptych.runs.folder.identity import own_handle
from diptych.runs.folder.status import DAMAGED, RUNNING, Status, birth_of, host_name, now

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Ten times quicker where libyaml is there, which lists and tables of many runs need."""
TASK_FILE = "task.txt"
NO_MATTER = ("name", "data_name", "paths", "tracking")
"""Keys of a configuration that say what a run is called, where it lies and who is told of it."""

PATIENCE_SECONDS = 60.0
"""For a folder to be seen on other machines."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run, and the small files that say what it is and how it fares."""

    path: Path

    @classmethod
    def create(cls, outputs: Path, name: str, run_id: str) -> Self:
        """Make the folder of a new run; an id is never used twice."""
        path = outputs / name.replace("/", "_") / run_id
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.mkdir(exist_ok=False)
        except FileExistsError:
            raise UserError(f"{path} exists already: a run id is used once (unset DIPTYCH_RUN_ID)") from None
        folder = cls(path)
        for inner in (folder.checkpoints, folder.samples):
            inner.mkdir()
        return folder

    def remove(self) -> None:
        """Take the run away, and its experiment's folder where nothing else is in it."""
        shutil.rmtree(self.path)
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    @property
    def shown(self) -> str:
        """The folder as seen from where the command was typed, where it lies below; for people."""
        path = self.path.absolute()
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def experiment(self) -> str:
        return self.path.parent.name

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def overrides(self) -> Path:
        return self.path / "overrides.yaml"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    def rank_log(self, rank: int) -> Path:
        """What another process said of a run that trains on several devices."""
        return self.path / "ranks" / f"{rank}.txt"

    @property
    def lock(self) -> Path:
        """Held by the process that trains the run."""
        return self.path / "run.lock"

    @property
    def prune(self) -> Path:
        """Its being there asks the run to end, because a search gives it up; it says why."""
        return self.path / "prune"

    def ask_to_prune(self, why: str) -> None:
        """The run ends at the next pause, as `pruned`."""
        write_whole(self.prune, why)

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.ckpt"

    @property
    def last(self) -> Path:
        return self.checkpoints / "last.ckpt"

    @property
    def previous(self) -> Path:
        """What `last` was before it was written the last time."""
        return self.checkpoints / "previous.ckpt"

    @property
    def has_saved(self) -> bool:
        """Whether there is any checkpoint at all."""
        return any(path.exists() for path in (self.last, self.previous, self.best))

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def parts(self) -> Path:
        return self.path / "parts"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations"

    @property
    def generated(self) -> Path:
        return self.path / "generated"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def attention(self) -> Path:
        """Sheets of where a captioner looked."""
        return self.path / "attention"

    @property
    def saved(self) -> int:
        """When the run last saved, in nanoseconds; 0 if it never did."""
        return self.last.stat().st_mtime_ns if self.last.exists() else 0

    @property
    def task(self) -> str:
        """What the run is trained for, as its system said when it began (`text_to_image`, `captioning` …)."""
        try:
            return (self.path / TASK_FILE).read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def write_task(self, task: str) -> None:
        """Once, when the run is created."""
        write_whole(self.path / TASK_FILE, task + "\n")

    def write_config(self, config: Mapping[str, Any]) -> None:
        write_whole(self.config, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))

    def read_config(self) -> dict[str, Any]:
        try:
            config = yaml.load(self.config.read_text(encoding="utf-8"), Loader=SafeLoader)
        except (ValueError, yaml.YAMLError):
            config = None
        if not isinstance(config, dict):
            raise UserError(f"{self.config} is damaged: it holds no configuration")
        return config

    @property
    def digest(self) -> str:
        """Of the run's own configuration."""
        return digest_of(self.read_config())

    def write_overrides(self, overrides: Iterable[str]) -> None:
        write_whole(self.overrides, yaml.safe_dump(list(overrides), allow_unicode=True))

    def read_overrides(self) -> list[str]:
        """What was typed when the run was started; nothing where that cannot be read."""
        try:
            overrides = yaml.safe_load(self.overrides.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return []
        return [str(override) for override in overrides] if isinstance(overrides, list) else []

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Add one start (the first, or a resume) to environment.json."""
        starts = [*self.read_environment(), dict(environment)]
        write_whole(self.path / "environment.json", json.dumps({"starts": starts}, indent=1), durably=True)

    def read_environment(self) -> list[dict[str, Any]]:
        """What environment.json says of each start; of none, and a warning says so, where it cannot be read."""
        path = self.path / "environment.json"
        if not path.exists():
            return []
        try:
            return [dict(start) for start in json.loads(path.read_text(encoding="utf-8"))["starts"]]
        except (ValueError, TypeError, KeyError) as error:
            _log.warning("%s is damaged (%s): what it said of earlier starts is lost", path, error)
            return []

    def write_status(
        self, status: str, why: str = "", images_seen: int = 0, best: float | None = None, exit_code: int | None = None
    ) -> None:
        """Begin a start (`running`), or end one."""
        before, moment = self.read_status(), now()
        owner = (os.getpid(), host_name(), birth_of(os.getpid()), own_handle())
        times = (before.resumed, before.seconds_before)
        if status == RUNNING or not before.resumed:
            times = (moment, self._ended(before).seconds)
        self._write(Status(status, why, before.started or moment, moment, images_seen, best, *owner, *times, exit_code))

    def write_sign_of_life(self, images_seen: int, best: float | None) -> None:
        """How far the start in hand has come."""
        self._write(replace(self.read_status(), updated=now(), images_seen=images_seen, best=best))

    def _write(self, status: Status) -> None:
        path, text = self.path / "status.json", json.dumps(asdict(status), indent=1)
        try:
            write_whole(path, text)
        except OSError:  # a full disk has no room for a new file; the old one has room of its own
            if not path.exists():
                raise
            write_over(path, text)

    def _ended(self, status: Status) -> Status:
        """The status of a start that is over: one that was killed is counted up to its last checkpoint."""
        if status.status != RUNNING or not self.last.exists():
            return status
        saved = datetime.fromtimestamp(self.last.stat().st_mtime, UTC).isoformat(timespec="microseconds")
        return replace(status, updated=max(saved, status.updated))

    def read_status(self) -> Status:
        """What status.json says; an empty status where there is none (yet), `damaged` where it cannot be read."""
        try:
            return Status(**json.loads((self.path / "status.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Status(status="")
        except (ValueError, TypeError):
            return Status(status=DAMAGED, why="status.json cannot be read")

    def checkpoint(self) -> Path:
        """The checkpoint to use: the best by the run's own measure, else the last."""
        for path in (self.best, self.last, self.previous):
            if path.exists():
                return path
        raise UserError(f"{self.path} has no checkpoint yet (status: {self.read_status().label or 'unknown'})")


def begun_by_another(path: Path) -> RunFolder:
    """A run's folder that another process has made; a network's file system may show it here a moment later."""
    folder, deadline = RunFolder(path), time.monotonic() + PATIENCE_SECONDS
    while not folder.config.exists():
        if time.monotonic() > deadline:
            raise UserError(
                f"{path}, which the first process of this run has made, is not seen from here: all machines need the "
                "same outputs/, and commands typed in the same folder"
            )
        time.sleep(0.1)
    return folder


def digest_of(config: Mapping[str, Any]) -> str:
    """Ten digits that name what is trained and how, wherever it runs and whatever is told of it."""
    chosen = without_paths({key: value for key, value in config.items() if key not in NO_MATTER})
    chosen["parts"] = {name: part["task"] for name, part in config.get("parts", {}).items()}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:10]
