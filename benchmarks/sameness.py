"""Whether two runs are equal bit for bit, in their rows of figures and in both checkpoints.

Tests use it as well; some give only state dicts to `differences`.
"""

from typing import Any

import torch

from diptych.runs.folder.layout import RunFolder
from diptych.tracking import read_metrics

OWN_TO_A_RUN = ("run_id", "config", "loops")  # Lightning's loop counters serve its loggers only
TIME = "train/core_seconds"


def differences_of_runs(one: RunFolder, other: RunFolder) -> list[str]:
    """The differences of two runs in metrics.csv and in their last and best checkpoints."""
    found = [] if rows(one) == rows(other) else ["metrics.csv"]
    for path, beside in ((one.last, other.last), (one.best, other.best)):
        states = [torch.load(file, weights_only=True) for file in (path, beside)]
        found += [f"{path.name}{place}" for place in differences(*states)]
    return found


def rows(run: RunFolder) -> list[dict[str, float]]:
    """All figures except times."""
    return [{k: v for k, v in row.items() if "second" not in k} for row in read_metrics(run.metrics)]


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """The paths at which two checkpoints differ: weights, averages, optimisers, counts, random states, positions."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = [key for key in {**one, **other} if (path or key not in OWN_TO_A_RUN) and key != TIME]
        return [d for key in keys for d in differences(one.get(key), other.get(key), f"{path}/{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [d for i, pair in enumerate(zip(one, other, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    both_tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
    return [] if (torch.equal(one, other) if both_tensors else one == other) else [path or "/"]
