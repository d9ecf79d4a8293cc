"""A study goes on only with the search that it was begun for: other figures could not be compared with its own."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.config.search_space import values_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.search.request import Search

NOTHING = "not set"


def refuse_another_search(folder: SweepFolder, search: Search) -> None:
    """`UserError` if the sweep's latest search was another one."""
    if before := folder.latest_search():
        refuse_changes(before, search, folder.path)


def refuse_changes(before: Mapping[str, Any], search: Search, folder: Path) -> None:
    """`UserError` if the search is not as it was described `before` (`Search.describe`), saying what has changed."""
    was, is_now = dict(_settings(before)), dict(_settings(search.describe()))
    changed = [key for key in {**was, **is_now} if was.get(key) != is_now.get(key)]
    if changed:
        lines = [f"  {key}: {was.get(key, NOTHING)} before, {is_now.get(key, NOTHING)} now" for key in changed]
        raise UserError(
            "\n".join([f"sweep {folder.name} searched with other settings", *lines])
            + f"\ngive this search another --sweep NAME; or begin this one anew: rm -r {folder} (its runs stay)"
        )


def _settings(described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything by a name of its own."""
    yield from values_of(described["fixed"]).items()
    yield from described["space"].items()
    yield "objectives", ", ".join(f"{metric}: {mode}" for metric, mode in described["objectives"].items())
    yield "repeat", " ".join(described["repeats"]) or NOTHING
    yield "aggregate", described["aggregate"]
