"""A sweep read from its folder, and its tables and plots on disk."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from diptych.config.errors import UserError
from diptych.reports.page.theme import STYLE, saved
from diptych.reports.sweeps import parallel, plots, slices
from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.best_trial import SUFFIX, Winner, winner_of
from diptych.reports.sweeps.importance import Importances, importances_of
from diptych.reports.sweeps.parameters import parameters_of
from diptych.reports.sweeps.text import sweep_text
from diptych.reports.sweeps.trials import Objective, SweepTable
from diptych.reports.sweeps.values import sweep_markdown, sweep_values
from diptych.sweeps.folder import SweepFolder


@dataclass(frozen=True)
class Reading:
    """A sweep's table, who leads in it, and what mattered."""

    table: SweepTable
    winner: Winner | None
    importances: Importances

    @property
    def text(self) -> str:
        return sweep_text(self.table, self.winner, self.importances)

    @property
    def values(self) -> dict[str, Any]:
        return sweep_values(self.table, self.winner, self.importances)


def reading_of(folder: SweepFolder, objectives: Sequence[Objective] = ()) -> Reading:
    """By these objectives, or by the sweep's own; with what the sweep that confirms it found, if there is one."""
    table = read_sweep(folder, objectives)
    importances = importances_of(table, parameters_of(table.ranked, table.keys))
    return Reading(table, winner_of(table, _confirming(folder, table)), importances)


def write_reading(reading: Reading, folder: Path) -> list[Path]:
    """sweep.md and sweep.json, and every plot for which there is something to show."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder} cannot be made a folder ({error.strerror}): name another") from error
    files = [folder / "sweep.md", folder / "sweep.json"]
    files[0].write_text(sweep_markdown(reading.table, reading.winner, reading.importances), encoding="utf-8")
    files[1].write_text(json.dumps(reading.values, indent=1, ensure_ascii=False), encoding="utf-8")
    with mpl.rc_context(STYLE):
        drawn = [saved(canvas, folder / f"{name}.png") for name, canvas in _drawn(reading) if canvas is not None]
    return [*files, *(path for paths in drawn for path in paths)]


def _drawn(reading: Reading) -> Iterator[tuple[str, Canvas | None]]:
    """Each with its title and what its marks mean."""
    table, importances = reading.table, reading.importances
    if not table.objectives:
        return
    name = table.name
    figure = table.objectives[0].name
    yield "parallel", parallel.draw_parallel(table, f"{name}: every trial", parallel.SAYS)
    yield "slices", slices.draw_slices(table, table.keys, f"{name}: {figure} by parameter", slices.SAYS)
    yield "importance", plots.draw_importance(importances, f"{name}: what mattered", plots.IMPORTANCE_SAYS)
    yield "curves", plots.draw_curves(table, f"{name}: {figure} in training", plots.CURVES_SAY)
    for cost in plots.COSTS:
        yield cost, plots.draw_compute(table, cost, f"{name}: {figure} against {cost}", plots.COMPUTE_SAY)
    yield "pareto", plots.draw_pareto(table, f"{name}: objectives against each other", plots.PARETO_SAY)


def _confirming(folder: SweepFolder, table: SweepTable) -> SweepTable | None:
    """The sweep of fresh seeds, once it has runs."""
    sweep = SweepFolder.find(folder.name + SUFFIX, folder.outputs)
    try:
        return read_sweep(sweep, table.objectives) if sweep is not None else None
    except UserError:
        return None
