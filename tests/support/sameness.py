"""When two runs are the same run: the same rows of figures, and the same state in both checkpoints."""

from typing import Any

import torch

from diptych.runs.folder import RunFolder
from diptych.tracking import read_metrics

OWN_TO_A_RUN = ("run_id", "config", "loops")  # Lightning's loop counters serve its loggers only


def assert_equal(one: RunFolder, other: RunFolder) -> None:
    """In figures, and in all that the last and the best checkpoint hold."""
    assert rows(one) == rows(other)
    for name in ("last", "best"):
        states = [torch.load(getattr(run, name), weights_only=True) for run in (one, other)]
        assert differences(*states) == []


def rows(run: RunFolder) -> list[dict[str, float]]:
    """All figures but those of time."""
    return [{k: v for k, v in row.items() if "second" not in k} for row in read_metrics(run.metrics)]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ, in weights, averages, optimisers, counts, random states or positions."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if path or key not in OWN_TO_A_RUN]
        return [d for key in keys for d in differences(one.get(key), other.get(key), f"{path}/{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    both_tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
    return [] if (torch.equal(one, other) if both_tensors else one == other) else [path]
