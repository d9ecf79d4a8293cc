"""The global random states of Python, numpy and torch, as plain values that `weights_only=True` can load."""

import random
from typing import Any

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed every global generator with one number."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 — the global state is what other people's code draws from
    torch.manual_seed(seed)


def random_states() -> dict[str, Any]:
    """All global random states."""
    numpy_state: Any = np.random.get_state()  # noqa: NPY002
    name, keys, *rest = numpy_state
    return {
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]) -> None:
    """The inverse of `random_states`; CUDA states only if the number of devices is the same."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
