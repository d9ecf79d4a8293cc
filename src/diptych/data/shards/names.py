"""What shards are called: the same wherever the data lie, and never two of them alike."""

import os
from collections.abc import Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit


def names_of(shards: Sequence[str | Path], root: Path) -> list[str]:
    """The path below the root; of all others as many last parts of path or address as tell them from one another."""
    below = [_below(shard, root) for shard in shards]
    parts = [parts_of(shard) for shard in shards]
    most = max(map(len, parts), default=1)
    for number in count(1):
        names = [name or "/".join(each[-number:]) for name, each in zip(below, parts, strict=True)]
        if len(set(names)) == len(names) or number >= most:  # addresses may differ in what must not be shown
            return names
    raise AssertionError


def parts_of(shard: str | Path) -> Sequence[str]:
    """The parts of a path or an address, what may be secret left out."""
    if isinstance(shard, Path):
        return [part for part in shard.parts if part not in ("/", os.pardir)]
    address = urlsplit(shard)
    path = [part for part in PurePosixPath(unquote(address.path)).parts if part not in ("/", os.pardir)]
    return [address.hostname or "", *path] if path else ["shard"]


def _below(shard: str | Path, root: Path) -> str | None:
    if isinstance(shard, str) or not shard.is_relative_to(root) or os.pardir in shard.relative_to(root).parts:
        return None
    return shard.relative_to(root).as_posix()
