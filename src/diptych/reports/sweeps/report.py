"""Write a sweep's page from its folder."""

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diptych.reports.page.html import write
from diptych.reports.sweeps.files import SweepAnalysis, analysis_of
from diptych.reports.sweeps.page import SweepReport, sweep_page
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.objective import SweepObjective


def write_sweep_report(folder: SweepFolder, path: Path, objectives: Sequence[SweepObjective] = ()) -> Path:
    """Write the page; it lacks the commands if sweep.yaml is damaged."""
    analysis = analysis_of(folder, objectives)
    calls = _calls(folder)
    commands = [shlex.join(map(str, call["command"])) for call in calls]
    return write(path, sweep_page(SweepReport(analysis, commands, _code(calls), _links(folder, analysis, path.parent))))


def _calls(folder: SweepFolder) -> list[Any]:
    try:
        return folder.calls()
    except ValueError:
        return []


def _code(calls: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The commits of all calls, and how many runs the latest one had at a time."""
    if not calls:
        return {}
    commits = dict.fromkeys(_commit(call) for call in calls if call.get("commit"))
    at_a_time = calls[-1].get("at_a_time", "unknown")
    return {"commit": ", ".join(commits) or "unknown", "calls": len(calls), "runs at a time": at_a_time}


def _commit(call: Mapping[str, Any]) -> str:
    return f"{str(call['commit'])[:10]}{' (changed since)' if call.get('dirty') else ''}"


def _links(folder: SweepFolder, analysis: SweepAnalysis, start: Path) -> dict[str, str]:
    """Each run's folder, relative to the page."""
    ids = [run.run_id for run in analysis.table.runs if (folder.path / run.run_id).is_dir()]
    return {run_id: f"{os.path.relpath(folder.path / run_id, start)}/" for run_id in ids}
