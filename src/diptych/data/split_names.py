"""The splits by our names, and what other people call them."""

from collections.abc import Mapping
from typing import TypeVar

SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": "train",
    "restval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}
"""Ours by all usual ones, in lower case."""

T = TypeVar("T")


def split_name(name: str | None, key: str) -> str | None:
    """Our name of a split in a config or a folder; a ValueError names the key."""
    if name is not None and name not in SPLIT_NAMES:
        raise ValueError(f"{key}: {name!r} is no split; write train, val or test")
    return SPLIT_NAMES[name] if name else None


def by_split(given: Mapping[str, T], key: str) -> dict[str, T]:
    """What a config gives for each split, by our names; a ValueError names two things that are given for one split."""
    found: dict[str, T] = {}
    first: dict[str, str] = {}
    for name, value in given.items():
        split = str(split_name(str(name), key))
        if found.setdefault(split, value) != value:
            raise ValueError(
                f"{key}: {first[split]} ({found[split]}) and {name} ({value}) are both the {split} split; give one of "
                f"them, or join them"
            )
        first.setdefault(split, name)
    return found
