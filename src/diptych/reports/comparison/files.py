"""From runs to a comparison's tables and pictures on disk."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.reports.comparison.comparison import Comparison, compare
from diptych.reports.comparison.curves import curve_of, quality_name
from diptych.reports.comparison.groups import Group, grouped
from diptych.reports.comparison.latex import comparisons_latex
from diptych.reports.comparison.plots import write_intervals, write_profiles, write_quality
from diptych.reports.comparison.results import measured_alike
from diptych.reports.comparison.skills_text import heading as skills_heading
from diptych.reports.comparison.text import comparison_markdown, comparison_text, comparison_values
from diptych.runs.folder.layout import RunFolder


@dataclass(frozen=True)
class Written:
    """The tables as text, as plain values and as LaTeX, and the files that hold them and the pictures."""

    texts: list[str]
    values: list[dict[str, Any]]
    latex: str
    files: list[Path]


def compare_runs(runs: Sequence[RunFolder], by: str | None, folder: Path) -> Written:
    """One table for each kind of evaluation that the runs share, written to `folder` with its pictures."""
    if len(runs) < 2:
        raise UserError("one run cannot be compared: name two at least, or a sweep (`diptych report` shows one run)")
    groups = grouped(runs, by)
    in_order = [run for group in groups for run in group.runs]
    comparisons = [compare(groups, results) for results in measured_alike(in_order)]
    _make(folder)
    values = [comparison_values(comparison) for comparison in comparisons]
    files = [
        _write(folder / "comparison.md", "\n".join(map(comparison_markdown, comparisons))),
        _write(folder / "comparison.json", json.dumps(values, indent=1, ensure_ascii=False)),
        *(path for comparison in comparisons for path in _intervals(comparison, folder)),
        *(path for comparison in comparisons for path in _profiles(comparison, folder)),
        *_quality(groups, folder),
    ]
    return Written(
        [comparison_text(comparison) for comparison in comparisons], values, comparisons_latex(comparisons), files
    )


def _intervals(comparison: Comparison, folder: Path) -> list[Path]:
    rates = [row for row in comparison.rows if row.percent]
    return write_intervals(comparison, folder / f"{comparison.result.kind}.png") if rates else []


def _profiles(comparison: Comparison, folder: Path) -> list[Path]:
    """Nothing but for several skills of several runs a group."""
    if comparison.skills is None:
        return []
    labels = [group.label for group in comparison.groups]
    heading = f"{comparison.result.title} as one: {skills_heading(comparison.skills)}"
    return write_profiles(comparison.skills, labels, heading, folder / f"{comparison.result.kind}_profile.png")


def _quality(groups: Sequence[Group], folder: Path) -> list[Path]:
    """Nothing where the runs never validated the same figure."""
    name = quality_name([run for group in groups for run in group.runs])
    if name is None:
        return []
    curves = {group.label: [curve_of(run, name) for run in group.runs] for group in groups}
    return write_quality(curves, name, folder / "quality.png")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder} cannot be made a folder ({error.strerror}): name another") from error


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
