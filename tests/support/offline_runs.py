"""Offline W&B records, read with W&B's own reader (`wandb leet inspect --json FILE`)."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.tracking.offline import RECORDS


@dataclass(frozen=True)
class OfflineRun:
    """One record. `exit_code` is None if the run was killed before it wrote one."""

    id: str
    group: str
    job_type: str
    tags: list[str]
    config: dict[str, Any]
    history: list[dict[str, Any]]
    summary: dict[str, Any]
    exit_code: int | None

    def curve(self, name: str) -> list[tuple[int, Any]]:
        """The values of one figure, each with its number of images."""
        return [(row["images"], row[name]) for row in self.history if name in row]


def read_record(record: Path) -> OfflineRun:
    """The record in a folder `offline-run-…`."""
    (file,) = record.glob("*.wandb")
    entries = [json.loads(line) for line in _inspect(file).splitlines()]
    run = next(one["run"] for one in entries if one["type"] == "run")
    whole = json.loads(_inspect(file, "--summary"))
    exits = [one["exit"].get("exit_code", 0) for one in entries if one["type"] == "exit"]
    return OfflineRun(
        id=run["run_id"],
        group=run.get("run_group", ""),
        job_type=run.get("job_type", ""),
        tags=run.get("tags", []),
        config=whole["config"],
        history=[one["history"]["item"] for one in entries if one["type"] == "history"],
        summary=whole["summary"],
        exit_code=exits[-1] if exits else None,
    )


def records_in(run_folder: Path) -> list[Path]:
    """The records to send, oldest first."""
    return sorted((run_folder / "wandb").glob(RECORDS))


def _inspect(file: Path, *options: str) -> str:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", *options, str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
