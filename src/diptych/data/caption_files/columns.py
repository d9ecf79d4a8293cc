"""Rows of a table whose columns describe its pictures: a sentence of values each, in place of a caption."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diptych.data.caption_files.rows import (
    CAPTION_COLUMNS,
    CaptionRows,
    Fault,
    brief,
    column_name,
    columns_of,
    did_you_mean,
    row_of,
)
from diptych.data.caption_files.tables import json_lines, separated
from diptych.data.caption_files.text import read_start
from diptych.text.columns import fault_of_value, sentence_of

MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "null"))
"""What a table says where it has no value, in any case; JSON's null as well."""

WHOLE = re.compile(r"^([+-]?\d+)\.0+$")


def described_rows(path: Path, names: Sequence[str]) -> CaptionRows:
    """The rows of a CSV file or of JSON lines; a column that the table does not have is a ValueError."""
    if path.is_dir():
        raise ValueError(f"data.columns: {path} is a folder of texts; columns need a table (CSV or JSON lines)")
    start = read_start(path).lstrip()
    if start.startswith("["):
        raise ValueError(f"data.columns: {path} is one JSON document; columns need a table (CSV or JSON lines)")
    table = _Described({name: column_name(name) for name in names})
    yield from json_lines(path, table.rows) if start.startswith("{") else separated(path, table.rows, names)
    table.check(path)


def is_missing(value: Any) -> bool:
    """Whether this stands for no value."""
    return value is None or (isinstance(value, float) and value != value) or str(value).strip().casefold() in MISSING


@dataclass
class _Described:
    """Names of columns as given, with those they are looked up by; which had values, and all that rows have."""

    names: Mapping[str, str]
    seen: Counter[str] = field(default_factory=Counter)
    given: dict[str, None] = field(default_factory=dict)

    def rows(self, entry: Any, place: str) -> CaptionRows:
        try:
            columns = columns_of(entry)
            values = {name: _text(columns[key]) for name, key in self.names.items() if not is_missing(columns.get(key))}
        except ValueError as error:
            yield Fault("malformed_lines", f"{place} ({error})")
            return
        self.seen.update(list(values))
        self.given.update(dict.fromkeys(columns))
        others = {key: value for key, value in columns.items() if key not in CAPTION_COLUMNS}
        yield from row_of({**others, CAPTION_COLUMNS[0]: sentence_of(values) or None}, place)

    def check(self, path: Path) -> None:
        for name, key in self.names.items():
            if not self.seen[name]:
                what = "has no value in any row" if key in self.given else "is no column"
                hint = "" if key in self.given else f"{did_you_mean([name], list(self.given))}"
                raise ValueError(f"data.columns: {name} {what} of {path.name}{hint}; it has {', '.join(self.given)}")


def _text(value: Any) -> str:
    """A value as it is said: 3.0 is 3, as a table has it whose numbers are partly missing; true is true."""
    if isinstance(value, bool):
        value = str(value).lower()
    if not isinstance(value, str | int | float):
        raise ValueError(f"a value is {brief(value)}, which is neither text nor a number")
    text = WHOLE.sub(r"\1", " ".join(str(value).split()))
    if fault := fault_of_value(text):
        raise ValueError(f"the value {brief(text)} {fault}")
    return text
