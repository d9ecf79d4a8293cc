"""The protocol of a measurement, and whether two figures have the same protocol.

A protocol is a mapping of plain values: data, number of examples, seed, networks with their weights. It also names the
measured subject (a run, its checkpoint), which may differ, since comparisons are between subjects.
"""

from collections.abc import Iterator, Mapping
from typing import Any

SUBJECT = frozenset(
    (
        "run",
        "members",
        "experiment",
        "config_digest",
        "checkpoint",
        "images_seen",
        "named_as_in_training",
        "ema",
        "commit",
        "dirty",
        "versions",
    )
)
"""Keys that name the measured subject and the versions of the code; all others describe the method."""

NOTHING = "nothing"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """The differences of two protocols, one line per key with both values; figures without any are comparable.

    Keys of inner mappings are written with dots. The subject (`SUBJECT`) does not count, but the instruments do:
    another captioner or other weights are another protocol. A key that is missing in one of them counts.
    """
    some, others = (dict(_flat({k: v for k, v in p.items() if k not in SUBJECT})) for p in (first, second))
    keys = dict.fromkeys([*some, *others])
    pairs = {key: (some.get(key, NOTHING), others.get(key, NOTHING)) for key in keys}
    return [f"{key}: {one} and {other}" for key, (one, other) in pairs.items() if one != other]


def _flat(protocol: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted key; tuples become lists, as in JSON."""
    for key, value in protocol.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
