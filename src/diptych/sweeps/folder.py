"""The layout of a sweep's folder; no other module knows it.

`outputs/sweeps/<name>/` holds sweep.yaml (the calls), ledger.jsonl (the events), logs/ (the output of each run), a link
to each run, and for a time controller.lock and the file `stop`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from diptych.config.errors import UserError
from diptych.runs.folder.files import write_whole
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.lock import is_locked
from diptych.sweeps.jobs import Job, Jobs
from diptych.sweeps.ledger import Ledger

SWEEPS = "sweeps"
FOLDER_KEY = "hydra.sweep.dir="


@dataclass(frozen=True)
class SweepFolder:
    """The paths of one sweep; its runs are in `outputs`, like all runs."""

    path: Path
    outputs: Path

    @classmethod
    def named(cls, name: str, outputs: Path) -> "SweepFolder":
        """The sweep with this name, or in this folder."""
        found = cls.find(name, outputs)
        if found is not None:
            return found
        known = sorted(ledger.parent.name for ledger in (outputs / SWEEPS).glob("*/ledger.jsonl"))
        raise UserError(f"no sweep {name!r} in {outputs / SWEEPS}; its sweeps: {', '.join(known) or 'none yet'}")

    @classmethod
    def find(cls, name: str, outputs: Path) -> "SweepFolder | None":
        """The sweep with this name or in this folder; None if there is none."""
        paths = (Path(name).absolute(), outputs / SWEEPS / name)
        return next((cls(path, outputs) for path in paths if (path / "ledger.jsonl").is_file()), None)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.path / "ledger.jsonl")

    @property
    def lock(self) -> Path:
        """The process that supervises the sweep holds this lock."""
        return self.path / "controller.lock"

    @property
    def stop(self) -> Path:
        """If this file exists, the supervisor stops."""
        return self.path / "stop"

    @property
    def is_locked(self) -> bool:
        """Whether another process supervises the sweep."""
        return is_locked(self.lock)

    def jobs(self) -> Jobs:
        """The state of every job."""
        try:
            return Jobs(self.ledger.read())
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.ledger.path} is damaged ({type(error).__name__}: {error}): restore a complete copy, or "
                "give the sweep another name; its runs stay as they are"
            ) from error

    def latest_search(self) -> Mapping[str, Any]:
        """The settings of the latest search (`Search.describe`); empty for a grid."""
        searches = [event for event in self.ledger.read() if event.get("event") == "search"]
        return searches[-1] if searches else {}

    def log_of(self, job: Job) -> Path:
        """The output of the job's processes."""
        return self.path / "logs" / f"{job.run_id}.txt"

    def run_of(self, job: Job) -> RunFolder | None:
        """The job's run, or None before it exists."""
        link = self.path / job.run_id
        found = [link.resolve()] if link.is_dir() else list(self.outputs.glob(f"*/{job.run_id}"))
        return RunFolder(found[0]) if found else None

    def link(self, run: RunFolder) -> None:
        """Link the run into this folder."""
        link = self.path / run.run_id
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(run.path, self.path), target_is_directory=True)

    @property
    def request(self) -> Path:
        """The file with every call, oldest first."""
        return self.path / "sweep.yaml"

    def calls(self) -> list[Any]:
        """The calls so far, oldest first."""
        if not self.request.exists():
            return []
        try:
            calls = yaml.safe_load(self.request.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise self._damaged(str(error)) from error
        if not isinstance(calls, list) or not all(isinstance(call, dict) and "command" in call for call in calls):
            raise self._damaged("it is not a list of calls")
        return calls

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self.request} is damaged ({reason}): delete it, and rerun the sweep's command")

    def write_request(self, request: Mapping[str, Any]) -> None:
        """Add one call to sweep.yaml."""
        calls = [*self.calls(), dict(request)]
        write_whole(self.request, yaml.safe_dump(calls, sort_keys=False, allow_unicode=True))


def check_sweep_name(name: str) -> None:
    """Refuse a name that cannot be a folder or stand in an override."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"--sweep {name}: use letters, digits, '_', '-' and '.'")


def folder_override(name: str) -> str:
    """The override that sets Hydra's folder for a sweep of this name."""
    return f"{FOLDER_KEY}${{paths.outputs}}/{SWEEPS}/{name}"
