"""Rows of results side by side: one for each run, a column for each figure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from diptych.reports.results.columns import COLUMNS, RUN_COLUMNS

Row = Mapping[str, Any]
NAMES: tuple[Callable[[Row], str], ...] = (
    lambda row: f"{row['benchmark']}/{row['figure']}",
    lambda row: f"{row['benchmark']}/{row['figure']} ({_subject(row)})",
    lambda row: f"{row['benchmark']}/{row['figure']} ({_subject(row)}, {row['protocol_id']})",
)
"""How a figure's column may be called, the shortest first."""


def one_row_a_run(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The columns of the runs, with those of the configuration, then the value of each figure that has one anywhere.

    A column holds figures of one protocol only. It is called `benchmark/figure`; where that is measured under several
    protocols here, data, split and partner follow in brackets, and then the protocol's digits. Of several evaluations
    of one protocol the last row counts.
    """
    names = column_names(row for row in rows if row["value"] is not None)
    wide: dict[str, dict[str, Any]] = {}
    for row in rows:
        own = wide.setdefault(row["folder"], {key: row[key] for key in row if _is_of_run(key)})
        if row["value"] is not None:
            own[names[_measured(row)]] = row["value"]
    figures = dict.fromkeys(names.values())
    return [
        {key: own[key] for key in own if key not in figures} | {name: own.get(name) for name in figures}
        for own in wide.values()
    ]


def column_names(rows: Iterable[Row]) -> dict[tuple[str, str, str], str]:
    """For each benchmark, figure and protocol the shortest name that no other one has."""
    measured = {_measured(row): row for row in rows}
    names: dict[tuple[str, str, str], str] = {}
    for name_of in NAMES:
        called = {key: name_of(row) for key, row in measured.items() if key not in names}
        every = list(called.values())
        names |= {key: name for key, name in called.items() if every.count(name) == 1}
    return {key: names[key] for key in measured}


def _measured(row: Row) -> tuple[str, str, str]:
    return row["benchmark"], row["figure"], row["protocol_id"]


def _subject(row: Row) -> str:
    partner = f"with {row['partner']}" if row["partner"] else None
    return " ".join(str(part) for part in (row["data"], row["split"], partner) if part)


def _is_of_run(column: str) -> bool:
    """Columns outside `COLUMNS` are those of the configuration."""
    return column in RUN_COLUMNS or column not in COLUMNS
