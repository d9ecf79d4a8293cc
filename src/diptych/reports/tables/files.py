"""The page and its plots on disk."""

from collections.abc import Sequence
from pathlib import Path

from diptych.config.errors import UserError
from diptych.reports.tables.board_plot import write_board_plots
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.diversity_plot import write_diversity_plot
from diptych.reports.tables.measured import curves_of
from diptych.reports.tables.options_plot import write_options_plot
from diptych.reports.tables.page import (
    diversity_plot_name,
    drawn_captions,
    has_plot,
    methods_of,
    options_plot_name,
    plot_name,
    results_page,
)
from diptych.reports.tables.plot import write_plot
from diptych.reports.tables.records import read_records
from diptych.runs.folder.files import write_whole

IMAGES = "images"


def write_page(tables: Sequence[Table], folder: Path, path: Path) -> list[Path]:
    """Write the page of all records in `folder` to `path`, with plots in `images/` beside it."""
    records = read_records(folder)
    if not path.parent.is_dir():
        raise UserError(f"--write {path}: there is no folder {path.parent}")
    write_whole(path, results_page(tables, records, IMAGES))
    shown = [(table, methods_of(table, records)) for table in tables]
    plots = [
        write_plot(table, methods, path.parent / IMAGES / plot_name(table))
        for table, methods in shown
        if has_plot(table, methods)
    ]
    plots += [
        write_options_plot(table, methods, path.parent / IMAGES / options_plot_name(table))
        for table, methods in shown
        if curves_of(table, methods)
    ]
    plots += [
        write_diversity_plot(table, curves, path.parent / IMAGES / diversity_plot_name(table))
        for table, methods in shown
        if (curves := drawn_captions(methods))
    ]
    return [path, *plots, *write_board_plots(shown, path.parent / IMAGES)]
