"""The method of a row: its configuration without the seed, and the digits by which runs and records are found again."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from diptych.config.composition import compose, configured_names
from diptych.config.keys import has_key
from diptych.config.redaction import without_paths
from diptych.reports.tables.declaration import Row, Table, filled, for_people, placeholders
from diptych.reports.tables.object_awareness import object_aware
from diptych.runs.folder.digests import SEED, without_seed
from diptych.runs.folder.layout import NO_MATTER, without_empty

EVERY_RUN = ("trainer.threads=1", "tracking=csv")
"""What all runs of tables set: a slot has one thread, and nothing leaves the machine."""


@dataclass(frozen=True)
class Method:
    """A row as it would be trained now. `parts` names the row that lends each of its parts.

    `places` are the keys that say where its own data lie, of those that its table names.
    """

    row: Row
    digest: str
    budget_images: int
    parts: Mapping[str, str]
    object_aware: tuple[str, ...]
    places: tuple[str, ...] = ()

    @property
    def lenders(self) -> list[str]:
        """The rows whose runs it needs, each once."""
        return list(dict.fromkeys([*self.parts.values(), *placeholders(self.row.overrides)]))

    def arguments(self, seed: int, runs: Mapping[str, str], located: Iterable[str] = ()) -> list[str]:
        """Those of `diptych train`, with the run of each lender; a changed configuration has another name."""
        parts = [f"parts.{name}.run={runs[lender]}" for name, lender in self.parts.items()]
        name = f"name=results/{self.row.key}-{self.digest[:6]}"
        return [*filled(self.row.overrides, runs), *parts, *located, f"seed={seed}", *EVERY_RUN, name]

    def command(self, seed: int) -> str:
        """What a person types; the run of another row is named by its row."""
        parts = [f"parts.{name}.run={lender}" for name, lender in self.parts.items()]
        return for_people(["diptych train", *self.row.overrides, *parts, f"seed={seed}", *EVERY_RUN])


def method_of(table: Table, row: Row) -> Method:
    """Compose the row; `UserError` if its overrides do not compose."""
    unknown = dict.fromkeys(placeholders(row.overrides), "a-run")
    overrides = [*filled(row.overrides, unknown), *EVERY_RUN]
    asked = configured_names(overrides).get("parts", {})
    parts = {name: lender for name, lender in (table.parts or {}).items() if name in asked}
    config = compose([*overrides, *(f"parts.{name}.run=a-run" for name in parts)])
    digest = method_digest(config, table.where)
    places = tuple(key for key in table.where if has_key(config, key))
    return Method(row, digest, config["budget_images"], parts, tuple(object_aware(config)), places)


def method_digest(config: Mapping[str, Any], where: Iterable[str] = ()) -> str:
    """Ten digits, equal for runs of one method: whatever their seed, their name and the keys `where` data lie.

    Keys that are empty or off say nothing, and neither does a callback of which nothing is set, so that a new option,
    off by default, makes no earlier run stale. Neither does a class of ours that moves to another module.
    """
    kept = {key: value for key, value in without_empty(without_seed(config)).items() if key not in (*NO_MATTER, SEED)}
    kept["callbacks"] = {name: node for name, node in config.get("callbacks", {}).items() if not _is_idle(node)}
    kept["parts"] = {name: part["task"] for name, part in config.get("parts", {}).items()}
    text = json.dumps(without_paths(_said(kept, frozenset(where))), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _said(node: Any, left_out: frozenset[str], prefix: str = "") -> Any:
    if not isinstance(node, Mapping):
        return [_said(value, left_out) for value in node] if isinstance(node, list | tuple) else node
    inner = {key: _said(value, left_out, f"{prefix}{key}.") for key, value in node.items()}
    if str(inner.get("_target_", "")).startswith("diptych."):
        inner["_target_"] = inner["_target_"].rpartition(".")[2]
    return {key: value for key, value in inner.items() if f"{prefix}{key}" not in left_out and not _is_off(value)}


def _is_idle(callback: Any) -> bool:
    """Whether it has settings, and all are null, as those of a callback that waits for somebody to set them."""
    settings = [value for key, value in (callback or {}).items() if key != "_target_"]
    return bool(settings) and all(value is None for value in settings)


def _is_off(value: Any) -> bool:
    """Whether it is empty or off; a number is neither."""
    return value is None or value is False or (isinstance(value, str | list | dict) and not value)
