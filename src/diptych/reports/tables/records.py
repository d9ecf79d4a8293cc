"""What one run of a row measured, as a small committed file: `docs/results/<table>/<row>-seed<N>.json`.

It holds figures with their protocol, what the run has cost, and what identifies code and configuration; nothing in it
names a machine, a person or a folder.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.files import write_whole

SCHEMA = 1
DIGITS = 6
"""Significant digits of a number in a record."""
FILE = re.compile(r"(?P<row>[\w-]+)-seed(?P<seed>\d+)\.json")


@dataclass(frozen=True)
class Record:
    """One run. `figures` are by `benchmark/key`; `curve` holds (images, core-seconds of training, value) each.

    `cost` has `core_seconds` of everything, `train_core_seconds` of training alone, `images`, `threads` and
    `peak_memory_mib`. `lent` says of each borrowed row its configuration and core-seconds, `partners` the configuration
    of each row that the evaluation used. `varied` has the first figure by sampling option, each with its `at`.
    `diversity` has exactness and diversity of drawn captions, each pair with its temperature (`at`), where the table
    has figures of them. `protocols` say by benchmark what was measured on. `object_aware` names the components that
    know of objects, borrowed ones too.
    """

    table: str
    row: str
    seed: int
    command: str
    configuration: str
    budget_images: int
    evaluate: Sequence[str]
    code: Mapping[str, Any]
    cost: Mapping[str, Any]
    parameters: Mapping[str, int]
    figures: Mapping[str, Mapping[str, Any]]
    protocols: Mapping[str, Mapping[str, Any]]
    curve: Mapping[str, Any] = field(default_factory=dict)
    lent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    partners: Mapping[str, str] = field(default_factory=dict)
    object_aware: Sequence[str] = ()
    alerts: Sequence[str] = ()
    varied: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    diversity: Sequence[Mapping[str, Any]] = ()

    @property
    def key(self) -> str:
        return f"{self.table}/{self.row}"

    def value(self, figure: str) -> float | None:
        return self.figures.get(figure, {}).get("value")


def path_of(folder: Path, table: str, row: str, seed: int) -> Path:
    """Where the record lies."""
    return folder / table / f"{row}-seed{seed}.json"


def write_record(folder: Path, record: Record) -> Path:
    """Write it; equal records give equal bytes."""
    path = path_of(folder, record.table, record.row, record.seed)
    content = {"schema": SCHEMA, **_rounded(asdict(record))}
    if not record.diversity:
        del content["diversity"]  # records of other tables stay as they were
    write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def read_records(folder: Path) -> list[Record]:
    """All of the tables' folders, by table, row and seed."""
    found = [read_record(path) for path in folder.glob("*/*.json") if FILE.fullmatch(path.name)]
    return sorted(found, key=lambda record: (record.table, record.row, record.seed))


def read_record(path: Path) -> Record:
    """The inverse of `write_record`; a file that says it is of another row than its name is refused."""
    try:
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        schema = content.pop("schema")
        record = Record(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}): restore it, or delete it and measure again") from None
    if schema != SCHEMA:
        raise UserError(f"{path} has schema {schema}, and this diptych knows {SCHEMA}: measure again")
    if path != path_of(path.parent.parent, record.table, record.row, record.seed):
        raise UserError(f"{path} says it is of {record.key}, seed {record.seed}: rename it, or measure again")
    return record


def _rounded(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _rounded(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_rounded(value) for value in node]
    return float(f"{node:.{DIGITS}g}") if isinstance(node, float) else node
