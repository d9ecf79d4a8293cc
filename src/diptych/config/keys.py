"""Dotted keys of a plain configuration, such as `data.batch_size`."""

from collections.abc import Mapping
from typing import Any


def has_key(values: Any, key: str) -> bool:
    """Whether there is a value at a dotted key, be it null."""
    group, _, name = key.rpartition(".")
    level = value_at(values, group) if group else values
    return isinstance(level, Mapping) and name in level


def value_at(values: Any, key: str) -> Any:
    """The value at a dotted key, a list's by its number; None where there is none."""
    for name in key.split("."):
        if isinstance(values, Mapping):
            values = values.get(name)
        elif isinstance(values, list) and name.isdecimal() and int(name) < len(values):
            values = values[int(name)]
        else:
            return None
    return values
