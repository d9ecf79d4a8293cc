"""How a figure was measured, and whether two figures were measured in the same way.

A protocol is a mapping of plain values: which data, how many examples, which seed, which networks with which weights.
It also says what was measured (a run, its checkpoint); that may differ, for it is what one wants to compare.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor

SUBJECT = frozenset(
    ("run", "experiment", "config_digest", "checkpoint", "images_seen", "ema", "commit", "dirty", "versions")
)
"""Keys that name what was measured, and with which versions of the code; all others say how."""

NOTHING = "nothing"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """In what two protocols differ, a line a key with both values; figures are comparable where there is nothing.

    Keys of mappings inside are written with dots. What was measured (`SUBJECT`) does not count, but what it was
    measured with does: another captioner or other weights are another protocol. A key that one of them lacks counts.
    """
    some, others = (dict(_flat({k: v for k, v in p.items() if k not in SUBJECT})) for p in (first, second))
    keys = dict.fromkeys([*some, *others])
    pairs = {key: (some.get(key, NOTHING), others.get(key, NOTHING)) for key in keys}
    return [f"{key}: {one} and {other}" for key, (one, other) in pairs.items() if one != other]


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of a state dict: of every entry's name, type, shape and bytes, whatever their order and device."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = np.ascontiguousarray(state[name].detach().cpu().numpy())
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _flat(protocol: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its dotted key; lists and tuples are alike, as JSON has them."""
    for key, value in protocol.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value
