"""Whether a data set's own splits are as large as those that were published."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diptych.data.folders.picture import Picture
from diptych.data.split_names import SPLITS, by_split

Counts = Mapping[str, int]
log = logging.getLogger(__name__)


def check_expected(expected: Counts | Sequence[Counts] | None) -> list[dict[str, int]]:
    """The published numbers of pictures by split, one table for each published division; a ValueError names the key."""
    tables = [expected] if isinstance(expected, Mapping) else list(expected or [])
    return [_checked(table) for table in tables]


def compare_with_published(pictures: Iterable[Picture], expected: Sequence[Counts], root: Path) -> None:
    """Say in one line if the pictures' own splits have other sizes than every published division."""
    found = dict(Counter(picture.split for picture in pictures if picture.split))
    if expected and found not in expected:
        published = " or ".join(_told(table) for table in expected)
        log.warning("data.root=%s has other splits than were published: %s, not %s", root, _told(found), published)


def _checked(table: Counts) -> dict[str, int]:
    if not isinstance(table, Mapping):
        raise ValueError(f"data.expected={table!r}: write numbers of pictures such as {{train: 6000, test: 1000}}")
    for split, number in table.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise ValueError(
                f"data.expected.{split}={number!r} is no number of pictures: write a whole number from 1 on"
            )
    return by_split(table, "data.expected")


def _told(counts: Counts) -> str:
    ordered = [split for split in SPLITS if split in counts]
    return ", ".join(f"{split} {counts[split]:,}" for split in ordered) or "no splits"
