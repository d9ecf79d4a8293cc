"""A name for a network's weights, wherever they lie."""

import hashlib
from collections.abc import Mapping

import numpy as np
from torch import Tensor


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of a state dict: of every entry's name, type, shape and bytes, independent of order and device."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = np.ascontiguousarray(state[name].detach().cpu().numpy())
        digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
