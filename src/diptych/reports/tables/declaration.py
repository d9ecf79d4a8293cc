"""What a table is to have: `table.yaml` declares rows, seeds, the evaluation and the figures.

An experiment file is a row of each table that names its folder (`experiments`), so that a new row is a new file.
Variants of one experiment are rows by their overrides (`rows`). `{table/row}` in an override or in the evaluation
stands for the run of that row, which is trained first.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from diptych.config.composition import options
from diptych.config.errors import UserError

FILE_NAME = "table.yaml"
PLACEHOLDER = re.compile(r"\{([\w-]+/[\w-]+)\}")
NAME = re.compile(r"[A-Za-z0-9][\w-]*")


@dataclass(frozen=True)
class Row:
    """One method of a table: `overrides` are those of `diptych train`, once for each of its `seeds`.

    `why` says why it fails, if it does, and cites figures as `{generation/recall}`. `borrows` names the rows whose runs
    it needs: those of `parts`, by the part's name, and those in its overrides and its table's evaluation.
    """

    table: str
    name: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    why: str = ""

    @property
    def key(self) -> str:
        return f"{self.table}/{self.name}"


@dataclass(frozen=True)
class Table:
    """A table as its file declares it.

    `evaluate` holds the words of `diptych evaluate RUN …`, `figures` the columns as `benchmark/key`, of which the first
    stands for the whole. `board` is a validation figure with values from 0 to 1, `reach` the value whose cost the
    board says. `parts` says which row lends what a row borrows. `where` names keys that say where data lie, which
    differ from machine to machine. `core_minutes` is what one run of a row may take. Tables stand on the page by
    `place`. `vary` has values of sampling options: the first figure of each row's first run is measured with each of
    them, on `vary_num` examples.
    """

    name: str
    title: str
    question: str
    rows: tuple[Row, ...]
    evaluate: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    board: str = ""
    reach: float = 0.95
    parts: Mapping[str, str] | None = None
    where: tuple[str, ...] = ()
    core_minutes: float = 20.0
    place: int = 100
    vary: Mapping[str, Sequence[Any]] | None = None
    vary_num: int = 500

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def borrowed_to_evaluate(self) -> list[str]:
        """The rows whose runs the evaluation needs."""
        return placeholders(self.evaluate)


def read_tables(folder: Path) -> list[Table]:
    """Every table declared below `folder`, in the order of the page."""
    tables = [read_table(path) for path in sorted(folder.glob(f"*/{FILE_NAME}"))]
    if not tables:
        raise UserError(f"{folder} declares no table: it needs <table>/{FILE_NAME} (docs/reproducing.md shows one)")
    known = {row.key for table in tables for row in table.rows}
    for table in tables:
        for lender in _lenders(table):
            if lender not in known:
                raise UserError(f"{folder / table.name / FILE_NAME}: there is no row {lender} to borrow from")
    return sorted(tables, key=lambda table: (table.place, table.name))


def read_table(path: Path) -> Table:
    """One declaration; a `UserError` names the key that is wrong."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"{path} declares no table: it needs title, question, and experiments or rows")
    name = path.parent.name
    rows = _rows(name, values, path)
    settings = {key: value for key, value in values.items() if key not in OF_ROWS}
    _refuse_unknown(settings, path)
    return Table(name=name, rows=rows, **{key: _frozen(value) for key, value in settings.items()})


OF_ROWS = ("experiments", "rows", "overrides", "seeds", "more_seeds", "why")
"""Keys of the file that make up its rows."""


def placeholders(words: Iterable[str]) -> list[str]:
    """The rows that the words stand for, each once."""
    return list(dict.fromkeys(key for word in words for key in PLACEHOLDER.findall(word)))


def filled(words: Iterable[str], runs: Mapping[str, str]) -> list[str]:
    """The words with each row's run in its place."""
    return [PLACEHOLDER.sub(lambda found: runs[found[1]], word) for word in words]


def for_people(words: Iterable[str]) -> str:
    """The words with each row's own name in place of its run."""
    return PLACEHOLDER.sub(r"\1", " ".join(words))


def _rows(table: str, values: Mapping[str, Any], path: Path) -> tuple[Row, ...]:
    common, seeds = tuple(values.get("overrides", ())), tuple(values.get("seeds", (0,)))
    more, why = values.get("more_seeds") or {}, values.get("why") or {}
    found = {**_experiments(values.get("experiments"), path), **(values.get("rows") or {})}
    for name in (*found, *more, *why):
        if name not in found or not NAME.fullmatch(str(name)):
            raise UserError(
                f"{path}: there is no row {name!r}; rows are {', '.join(found)}, of letters, digits, _ and -"
            )
    return tuple(
        Row(table, name, (*common, *map(str, own or ())), tuple(more.get(name, seeds)), str(why.get(name, "")))
        for name, own in found.items()
    )


def _experiments(folder: str | None, path: Path) -> dict[str, list[str]]:
    """A row for each experiment of the folder."""
    if folder is None:
        return {}
    names = [name for name in options(f"experiment/{folder}") if "/" not in name]
    if not names:
        raise UserError(f"{path}: experiments={folder}: conf/experiment/{folder} has no experiment")
    return {name: [f"experiment={folder}/{name}"] for name in names}


def _lenders(table: Table) -> list[str]:
    words = [*table.evaluate, *(word for row in table.rows for word in row.overrides)]
    return [*placeholders(words), *(table.parts or {}).values()]


def _refuse_unknown(settings: Mapping[str, Any], path: Path) -> None:
    known = {field.name for field in fields(Table)} - {"name"}
    for key in settings:
        if key not in known:
            raise UserError(f"{path}: nothing reads {key}; there are {', '.join(sorted(known | set(OF_ROWS)))}")
    for option, values in (settings.get("vary") or {}).items():
        if not isinstance(values, list) or not values:
            raise UserError(f"{path}: vary: {option} needs a list of values, such as [1, 4, 20]")
    for key in ("title", "question"):
        if not settings.get(key):
            raise UserError(f"{path}: {key} has no value")


def _frozen(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, list) else value


def chosen(tables: Sequence[Table], words: Sequence[str]) -> list[tuple[Table, Row]]:
    """The rows that the words name (`table` or `table/row`), all without words."""
    every = [(table, row) for table in tables for row in table.rows]
    for word in words:
        if not any(word in (table.name, row.key) for table, row in every):
            names = ", ".join(table.name for table in tables)
            raise UserError(f"there is no table or row {word}; tables are {names}, rows are written table/row")
    return [(table, row) for table, row in every if not words or table.name in words or row.key in words]
