"""A name for a network's weights, wherever they lie."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor


def weights_digest(state: Mapping[str, Tensor], beyond: Mapping[str, Any] | None = None) -> str:
    """SHA-256 of a state dict: of every entry's name, type, shape and bytes, independent of order and device.

    `beyond` are plain values that count as well, where there are some.
    """
    digest = hashlib.sha256()
    for name in sorted(state):
        values = np.ascontiguousarray(state[name].detach().cpu().numpy())
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.tobytes())
    if beyond:
        digest.update(json.dumps(beyond, sort_keys=True).encode())
    return digest.hexdigest()
