"""The analysis of a sweep from its folder, and its tables and plots on disk."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from diptych.config.errors import UserError
from diptych.reports.page.theme import STYLE, saved
from diptych.reports.sweeps import learning_curves, parallel, plots, slices
from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.best_trial import CONFIRMATION_SUFFIX, BestTrial, best_trial_of
from diptych.reports.sweeps.importance import Importances, importances_of
from diptych.reports.sweeps.parameters import parameters_of
from diptych.reports.sweeps.text import sweep_text
from diptych.reports.sweeps.trials import SweepTable
from diptych.reports.sweeps.values import sweep_markdown, sweep_values
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.objective import SweepObjective


@dataclass(frozen=True)
class SweepAnalysis:
    """A sweep's table, its best trial, and the importance of its parameters."""

    table: SweepTable
    best_trial: BestTrial | None
    importances: Importances

    @property
    def text(self) -> str:
        return sweep_text(self.table, self.best_trial, self.importances)

    @property
    def values(self) -> dict[str, Any]:
        return sweep_values(self.table, self.best_trial, self.importances)


def analysis_of(folder: SweepFolder, objectives: Sequence[SweepObjective] = ()) -> SweepAnalysis:
    """The analysis by these objectives or the sweep's own, with the confirming sweep if it exists."""
    table = read_sweep(folder, objectives)
    importances = importances_of(table, parameters_of(table.ranked, table.keys))
    return SweepAnalysis(table, best_trial_of(table, _confirming(folder, table)), importances)


def write_analysis(analysis: SweepAnalysis, folder: Path) -> list[Path]:
    """Write sweep.md, sweep.json and every plot that has data."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder} cannot be created ({error.strerror}): name another folder") from error
    files = [folder / "sweep.md", folder / "sweep.json"]
    files[0].write_text(sweep_markdown(analysis.table, analysis.best_trial, analysis.importances), encoding="utf-8")
    files[1].write_text(json.dumps(analysis.values, indent=1, ensure_ascii=False), encoding="utf-8")
    with mpl.rc_context(STYLE):
        drawn = [saved(canvas, folder / f"{name}.png") for name, canvas in _drawn(analysis) if canvas is not None]
    return [*files, *(path for paths in drawn for path in paths)]


def _drawn(analysis: SweepAnalysis) -> Iterator[tuple[str, Canvas | None]]:
    """Every plot with its name; each has a title and a key of its marks."""
    table, importances = analysis.table, analysis.importances
    if not table.objectives:
        return
    name = table.name
    figure = table.objectives[0].name
    yield "parallel", parallel.draw_parallel(table, f"{name}: every trial", parallel.LEGEND)
    yield "slices", slices.draw_slices(table, table.keys, f"{name}: {figure} by parameter", slices.LEGEND)
    yield "importance", plots.draw_importance(importances, f"{name}: parameter importance", plots.IMPORTANCE_LEGEND)
    yield "curves", learning_curves.draw_curves(table, f"{name}: {figure} in training", learning_curves.LEGEND)
    for cost in plots.COSTS:
        yield cost, plots.draw_compute(table, cost, f"{name}: {figure} against {cost}", plots.COMPUTE_LEGEND)
    yield "pareto", plots.draw_pareto(table, f"{name}: objectives against each other", plots.PARETO_LEGEND)


def _confirming(folder: SweepFolder, table: SweepTable) -> SweepTable | None:
    """The table of the sweep with fresh seeds; None before it has runs."""
    sweep = SweepFolder.find(folder.name + CONFIRMATION_SUFFIX, folder.outputs)
    try:
        return read_sweep(sweep, table.objectives) if sweep is not None else None
    except UserError:
        return None
