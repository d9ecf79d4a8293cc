"""The layout of a sweep's folder, known here and only here.

`outputs/sweeps/<name>/` holds sweep.yaml (what was asked), ledger.jsonl (what happened), logs/ (what each run said), a
link to each run, and while they matter controller.lock and the file `stop`.
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
    """Paths of one sweep; its runs lie in `outputs`, like all runs."""

    path: Path
    outputs: Path

    @classmethod
    def named(cls, name: str, outputs: Path) -> "SweepFolder":
        """The sweep of that name, or in that folder."""
        found = cls.find(name, outputs)
        if found is not None:
            return found
        known = sorted(ledger.parent.name for ledger in (outputs / SWEEPS).glob("*/ledger.jsonl"))
        raise UserError(
            f"there is no sweep {name!r} in {outputs / SWEEPS}; there are: {', '.join(known) or 'none yet'}"
        )

    @classmethod
    def find(cls, name: str, outputs: Path) -> "SweepFolder | None":
        """The same, or None where there is no such sweep."""
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
        """Held by the process that has the sweep in hand."""
        return self.path / "controller.lock"

    @property
    def stop(self) -> Path:
        """Its being there asks that process to stop."""
        return self.path / "stop"

    @property
    def is_in_hand(self) -> bool:
        """Whether another process has the sweep in hand."""
        return is_locked(self.lock)

    def jobs(self) -> Jobs:
        """Where every job stands."""
        try:
            return Jobs(self.ledger.read())
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{self.ledger.path} is damaged ({type(error).__name__}: {error}): put a whole copy in its place, or "
                "give the sweep another name; its runs are not touched"
            ) from error

    def latest_search(self) -> Mapping[str, Any]:
        """What the latest search asked (`Search.describe`); nothing of a grid."""
        told = [event for event in self.ledger.read() if event.get("event") == "search"]
        return told[-1] if told else {}

    def log_of(self, job: Job) -> Path:
        """What the job's processes said."""
        return self.path / "logs" / f"{job.run_id}.txt"

    def run_of(self, job: Job) -> RunFolder | None:
        """The job's run, once there is one."""
        link = self.path / job.run_id
        found = [link.resolve()] if link.is_dir() else list(self.outputs.glob(f"*/{job.run_id}"))
        return RunFolder(found[0]) if found else None

    def link(self, run: RunFolder) -> None:
        """So that the run is found here."""
        link = self.path / run.run_id
        if not link.is_symlink():
            link.symlink_to(os.path.relpath(run.path, self.path), target_is_directory=True)

    @property
    def request(self) -> Path:
        """What each call asked, oldest first."""
        return self.path / "sweep.yaml"

    def calls(self) -> list[Any]:
        """What was asked so far."""
        if not self.request.exists():
            return []
        try:
            calls = yaml.safe_load(self.request.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise self._damaged(str(error)) from error
        if not isinstance(calls, list) or not all(isinstance(call, dict) and "command" in call for call in calls):
            raise self._damaged("it is no list of calls")
        return calls

    def _damaged(self, reason: str) -> UserError:
        return UserError(f"{self.request} is damaged ({reason}): delete it, and type the sweep's command again")

    def write_request(self, request: Mapping[str, Any]) -> None:
        """Add one call to sweep.yaml."""
        calls = [*self.calls(), dict(request)]
        write_whole(self.request, yaml.safe_dump(calls, sort_keys=False, allow_unicode=True))


def check_sweep_name(name: str) -> None:
    """Refuse what is no folder's name, or cannot stand in an override."""
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UserError(f"--sweep {name}: a sweep's name has letters, digits, '_', '-' and '.'")


def folder_override(name: str) -> str:
    """The override that gives Hydra the folder of a sweep of this name."""
    return f"{FOLDER_KEY}${{paths.outputs}}/{SWEEPS}/{name}"
