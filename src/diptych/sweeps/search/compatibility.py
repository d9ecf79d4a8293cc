"""A study resumes only with the settings it began with; other figures would not be comparable."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.config.search_space import values_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.search.request import Search

NOTHING = "not set"


def refuse_another_search(folder: SweepFolder, search: Search) -> None:
    """`UserError` if the sweep's latest search had other settings."""
    if before := folder.latest_search():
        refuse_changes(before, search, folder.path)


def refuse_changes(before: Mapping[str, Any], search: Search, folder: Path) -> None:
    """`UserError` that lists the changes since `before`, a result of `Search.describe`."""
    was, is_now = dict(_settings(before)), dict(_settings(search.describe()))
    changed = [key for key in {**was, **is_now} if was.get(key) != is_now.get(key)]
    if changed:
        lines = [f"  {key}: {was.get(key, NOTHING)} before, {is_now.get(key, NOTHING)} now" for key in changed]
        raise UserError(
            "\n".join([f"sweep {folder.name} began with other settings", *lines])
            + f"\ngive this search another --sweep NAME, or delete this one with rm -r {folder} (its runs stay)"
        )


def _settings(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each setting under a key of its own."""
    yield from values_of(described["fixed"]).items()
    yield from described["space"].items()
    yield "objectives", ", ".join(f"{metric}: {mode}" for metric, mode in described["objectives"].items())
    yield "repeat", " ".join(described["repeats"]) or NOTHING
    yield "aggregate", described["aggregate"]
