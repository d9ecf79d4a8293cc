"""From a sweep's folder to its page."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.reports.page.html import write
from diptych.reports.sweeps.files import Reading, reading_of
from diptych.reports.sweeps.page import SweepStory, sweep_page
from diptych.reports.sweeps.trials import Objective
from diptych.sweeps.folder import SweepFolder


def write_sweep_report(folder: SweepFolder, path: Path, objectives: Sequence[Objective] = ()) -> Path:
    """Write the page; what was asked of the sweep stays out where sweep.yaml is damaged."""
    reading = reading_of(folder, objectives)
    calls = _calls(folder)
    commands = [shlex.join(map(str, call["command"])) for call in calls]
    return write(path, sweep_page(SweepStory(reading, commands, _code(calls), _links(folder, reading, path.parent))))


def _calls(folder: SweepFolder) -> list[Any]:
    try:
        return folder.calls()
    except ValueError:
        return []


def _code(calls: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Of the latest call; every commit that runs were begun with is named."""
    if not calls:
        return {}
    commits = dict.fromkeys(_commit(call) for call in calls if call.get("commit"))
    at_a_time = calls[-1].get("at_a_time", "unknown")
    return {"commit": ", ".join(commits) or "unknown", "calls": len(calls), "runs at a time": at_a_time}


def _commit(call: Mapping[str, Any]) -> str:
    return f"{str(call['commit'])[:10]}{' (changed since)' if call.get('dirty') else ''}"


def _links(folder: SweepFolder, reading: Reading, start: Path) -> dict[str, str]:
    """Each run's folder as seen from the page."""
    ids = [run.run_id for run in reading.table.runs if (folder.path / run.run_id).is_dir()]
    return {run_id: f"{os.path.relpath(folder.path / run_id, start)}/" for run_id in ids}
