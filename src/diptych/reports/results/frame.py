"""`diptych.results`: runs, figures and protocols as a pandas DataFrame."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.config.errors import UserError
from diptych.reports.results.columns import COLUMNS, RUN_COLUMNS
from diptych.reports.results.rows import result_rows
from diptych.reports.results.wide import one_row_a_run
from diptych.runs.folder.find import all_runs, default_outputs, runs_named
from diptych.runs.folder.layout import RunFolder

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

TYPES = {
    **dict.fromkeys(
        ("seed", "budget_images", "images_seen", "weights_at", "evaluation_seed", "n", "contents"), "Int64"
    ),
    **dict.fromkeys(("seconds", "value", "low", "high", "chance", "reference"), "float64"),
    "percent": "boolean",
    "started": "datetime64[us, UTC]",
}
"""Types of columns that pandas would guess otherwise where values are missing."""


def results(
    runs: str | Path | Iterable[str | Path] | None = None,
    *,
    outputs: str | Path | None = None,
    config: Sequence[str] = (),
    wide: bool = False,
    every: bool = False,
) -> "DataFrame":
    """Runs, figures and protocols: a row for each figure of each run, oldest run first; it needs pandas.

    `runs` are run folders, run ids or their beginnings, `latest`, or sweeps; without them, all below `outputs` (by
    default `$DIPTYCH_OUTPUTS`, else `./outputs`). `config` names keys of the configuration that become columns. With
    `wide` each run has one row, and each figure's value a column. With `every`, older evaluations of the same protocol
    are rows as well. `diptych.reports.results.columns.COLUMNS` says what each column holds.
    """
    pandas = _pandas()
    folder = default_outputs() if outputs is None else Path(outputs).expanduser()
    rows = result_rows(_chosen(runs, folder), config=config, every=every)
    if wide:
        rows = one_row_a_run(rows)
    names = list(rows[0]) if rows else [*RUN_COLUMNS, *config, *(() if wide else COLUMNS)]
    frame = pandas.DataFrame(rows, columns=list(dict.fromkeys(names)))
    return frame.astype({name: kind for name, kind in TYPES.items() if name in frame})


def _chosen(runs: str | Path | Iterable[str | Path] | None, outputs: Path) -> list[RunFolder]:
    if runs is None:
        return all_runs(outputs)
    named = [runs] if isinstance(runs, str | Path) else runs
    return runs_named([str(Path(name).expanduser()) for name in named], outputs)


def _pandas() -> Any:
    try:
        import pandas  # pyright: ignore[reportMissingImports] — an extra
    except ImportError:
        raise UserError(
            "diptych.results gives a pandas DataFrame, and pandas is not installed: pip install 'pandas>=2.2' (it is "
            "in the extra diptych[notebooks]). diptych.reports.results.rows has the same rows without it"
        ) from None
    return pandas
