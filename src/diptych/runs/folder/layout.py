"""The layout of a run folder; no other module knows it.

`outputs/<experiment>/<run_id>/` holds config.yaml, overrides.yaml, environment.json, status.json, log.txt,
parameters.json, examples.json, training_examples.txt, metrics.csv, run.lock, checkpoints/, samples/, parts/ and
evaluations/, for a moment prune, and the results of later commands: generated/, attention/. A run on several devices
also has ranks/, with the logs of its other processes and the errors that ended them.
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
from diptych.runs.folder.cost import cost_before, cost_since
from diptych.runs.folder.files import write_over, write_whole
from diptych.runs.folder.identity import own_handle
from diptych.runs.folder.status import DAMAGED, RUNNING, Status, birth_of, host_name, now

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C loader is ten times faster; lists and tables of many runs need that."""
TASK_FILE, COLLAPSE_FILE, EXAMPLES_FILE = "task.txt", "collapse.txt", "examples.json"
PARAMETERS_FILE = "parameters.json"
NO_MATTER = ("name", "data_name", "paths", "tracking", "derived")
"""Keys that do not change training: the run's name, its location, its trackers, and how its values came about."""

ONLY_REPORT = ("data_wait",)
"""Callbacks that change nothing in a run."""

ONLY_IF_SET = (
    "init_parts",
    "freeze",
    "cache_features",
    "system.micro_batch_size",
    "data.expected",
    "data.augmentation",
    "image_encoder.grid_size",
    "caption_objective.word_dropout_prob",
    "caption_objective.scheduled_sampling_prob",
    "caption_objective.scheduled_sampling_images",
)
"""Keys that say nothing where they are empty: runs without them keep the digest that they had before these keys."""
PATIENCE_SECONDS = 60.0
"""How long a new folder may take to appear on other machines."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run, and the small files that describe it and its status."""

    path: Path

    @classmethod
    def create(cls, outputs: Path, name: str, run_id: str) -> Self:
        """Create the folder of a new run; no id is used twice."""
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
        """Delete the run, and its experiment's folder if that is empty then."""
        shutil.rmtree(self.path)
        if not any(self.path.parent.iterdir()):
            self.path.parent.rmdir()

    @property
    def shown(self) -> str:
        """The path to display: relative to the working directory if the run lies below it."""
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
        """The log of another process of a run on several devices."""
        return self.path / "ranks" / f"{rank}.txt"

    def rank_error(self, rank: int) -> Path:
        """The note of the error that ended one process of a run on several devices."""
        return self.path / "ranks" / f"{rank}.error.json"

    def rank_errors(self) -> list[Path]:
        """The notes of all processes that ended with an error."""
        return sorted((self.path / "ranks").glob("*.error.json"))

    @property
    def lock(self) -> Path:
        """The lock that the training process holds."""
        return self.path / "run.lock"

    @property
    def prune(self) -> Path:
        """If this file exists, a search asks the run to end; it contains the reason."""
        return self.path / "prune"

    def ask_to_prune(self, why: str) -> None:
        """Ask the run to end between two batches, with status `pruned`."""
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
        """The previous version of `last`."""
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
    def training_examples(self) -> Path:
        """The digests of the training split's examples."""
        return self.path / "training_examples.txt"

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
        """Sheets of a captioner's attention maps."""
        return self.path / "attention"

    @property
    def saved_at_ns(self) -> int:
        """When the run last saved, in nanoseconds; 0 if it has not saved."""
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

    def write_collapse(self, why: str) -> None:
        """Whether a generator's images are all alike, at its last validation: why, or "" where they differ."""
        write_whole(self.path / COLLAPSE_FILE, why + "\n")

    def read_collapse(self) -> str | None:
        """What was written last; None where nobody measured it."""
        try:
            return (self.path / COLLAPSE_FILE).read_text(encoding="utf-8").strip()
        except OSError:
            return None

    def write_parameters(self, counts: Mapping[str, int]) -> None:
        """How many parameters each network has, by its name in the system."""
        write_whole(self.path / PARAMETERS_FILE, json.dumps(dict(counts), indent=1))

    def read_parameters(self) -> dict[str, int]:
        """The same; empty where nobody counted them."""
        try:
            return dict(json.loads((self.path / PARAMETERS_FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return {}

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
        """The digest of the run's own configuration."""
        return digest_of(self.read_config())

    def write_overrides(self, overrides: Iterable[str]) -> None:
        write_whole(self.overrides, yaml.safe_dump(list(overrides), allow_unicode=True))

    def read_overrides(self) -> list[str]:
        """The command line's overrides of the first start; empty if the file cannot be read."""
        try:
            overrides = yaml.safe_load(self.overrides.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError):
            return []
        return [str(override) for override in overrides] if isinstance(overrides, list) else []

    def write_examples(self, record: Mapping[str, Any]) -> None:
        """Once, when the run begins, if its data may move."""
        write_whole(self.path / EXAMPLES_FILE, json.dumps(record, indent=1, ensure_ascii=False))

    def read_examples(self) -> dict[str, Any]:
        """The record of the examples that the run began with; empty if there is none."""
        path = self.path / EXAMPLES_FILE
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError):
            raise UserError(f"{path} is damaged: move it away to resume without a check of the examples") from None

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Append one start (the first, or a resume) to environment.json."""
        starts = [*self.read_environment(), dict(environment)]
        write_whole(self.path / "environment.json", json.dumps({"starts": starts}, indent=1), durably=True)

    def read_environment(self) -> list[dict[str, Any]]:
        """The environment of each start; empty, with a warning, if environment.json cannot be read."""
        path = self.path / "environment.json"
        if not path.exists():
            return []
        try:
            return [dict(start) for start in json.loads(path.read_text(encoding="utf-8"))["starts"]]
        except (ValueError, TypeError, KeyError) as error:
            _log.warning("%s is damaged (%s): the record of earlier starts is lost", path, error)
            return []

    def write_status(
        self, status: str, why: str = "", images_seen: int = 0, best: float | None = None, exit_code: int | None = None
    ) -> None:
        """Record the begin of a start (status `running`) or its end."""
        before, moment = self.read_status(), now()
        owner = (os.getpid(), host_name(), birth_of(os.getpid()), own_handle())
        times, cost = (before.resumed, before.seconds_before), cost_since(before)
        if status == RUNNING or not before.resumed:
            times, cost = (moment, self._ended(before).seconds), cost_before(before)
        known = (status, why, before.started or moment, moment, images_seen, best, *owner, *times, exit_code)
        self._write(Status(*known, **cost))

    def write_sign_of_life(self, images_seen: int, best: float | None) -> None:
        """Update the progress of the current start."""
        before = self.read_status()
        self._write(replace(before, updated=now(), images_seen=images_seen, best=best, **cost_since(before)))

    def _write(self, status: Status) -> None:
        path, text = self.path / "status.json", json.dumps(asdict(status), indent=1)
        try:
            write_whole(path, text)
        except OSError:  # a full disk has no room for a new file, but the old file already has its space
            if not path.exists():
                raise
            write_over(path, text)

    def _ended(self, status: Status) -> Status:
        """The status of an ended start; a killed one counts up to its last checkpoint."""
        if status.status != RUNNING or not self.last.exists():
            return status
        saved = datetime.fromtimestamp(self.last.stat().st_mtime, UTC).isoformat(timespec="microseconds")
        return replace(status, updated=max(saved, status.updated))

    def read_status(self) -> Status:
        """The content of status.json; empty if there is none yet, `damaged` if it cannot be read."""
        try:
            return Status(**json.loads((self.path / "status.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return Status(status="")
        except (ValueError, TypeError):
            return Status(status=DAMAGED, why="status.json cannot be read")

    def checkpoint(self, named: str | Path | None = None) -> Path:
        """The checkpoint of this name (`best`, `last` …) or file; without one the best, or else the last.

        A `UserError` lists the checkpoints that there are.
        """
        there = [path for path in (self.best, self.last, self.previous) if path.exists()]
        if not there:
            raise UserError(f"{self.path} has no checkpoint yet (status: {self.read_status().label or 'unknown'})")
        if named is None:
            return there[0]
        path = self.checkpoints / f"{named}.ckpt"
        found = next((file for file in (path, self.checkpoints / named, Path(named)) if file.is_file()), None)
        if found is None:
            names = ", ".join(sorted(path.stem for path in self.checkpoints.glob("*.ckpt")))
            raise UserError(f"there is no checkpoint {named}: {self.run_id} has {names}; name one of these, or a file")
        return found.resolve()


def await_run_folder(path: Path) -> RunFolder:
    """Wait for the run folder that another process has created; a network file system may show it late."""
    folder, deadline = RunFolder(path), time.monotonic() + PATIENCE_SECONDS
    while not folder.config.exists():
        if time.monotonic() > deadline:
            raise UserError(
                f"{path}, which the first process of this run created, does not exist on this machine: all machines "
                "need the same outputs/, and the commands must run in the same folder"
            )
        time.sleep(0.1)
    return folder


def folder_of_checkpoint(path: Path) -> RunFolder:
    """The run that a checkpoint file lies in; for a file outside of run folders, a folder to be beside it."""
    folder = RunFolder(path.parent.parent)
    return folder if folder.config.is_file() and folder.checkpoints == path.parent else RunFolder(path.with_suffix(""))


def digest_of(config: Mapping[str, Any]) -> str:
    """Ten digits that identify what is trained and how, regardless of location and trackers."""
    chosen = without_paths(without_empty({key: value for key, value in config.items() if key not in NO_MATTER}))
    chosen["parts"] = {name: part["task"] for name, part in config.get("parts", {}).items()}
    if "callbacks" in chosen:
        chosen["callbacks"] = {name: node for name, node in chosen["callbacks"].items() if name not in ONLY_REPORT}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:10]


def without_empty(config: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys of `ONLY_IF_SET` that are empty."""
    kept = dict(config)
    for group, _, name in (key.rpartition(".") for key in ONLY_IF_SET):
        level = kept.get(group) if group else kept
        if isinstance(level, Mapping) and not level.get(name):
            spoken = {key: value for key, value in level.items() if key != name}
            kept = {**kept, group: spoken} if group else spoken
    return kept
