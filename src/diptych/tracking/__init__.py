"""Trackers of a run: metrics.csv always, Weights & Biases, TensorBoard. Only this package imports wandb.

A name is imported when it is first asked for: who reads metrics.csv needs no tracker.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.tracking.base import RunInfo, Tracker
    from diptych.tracking.csv_file import CsvTracker, read_metrics
    from diptych.tracking.tensorboard import TensorBoardTracker
    from diptych.tracking.trackers import Trackers
    from diptych.tracking.weights_and_biases import WandbTracker

__all__ = ["CsvTracker", "RunInfo", "TensorBoardTracker", "Tracker", "Trackers", "WandbTracker", "read_metrics"]

__getattr__ = names_on_demand(
    __name__,
    {
        "base": (
            "RunInfo",
            "Tracker",
        ),
        "csv_file": (
            "CsvTracker",
            "read_metrics",
        ),
        "tensorboard": ("TensorBoardTracker",),
        "trackers": ("Trackers",),
        "weights_and_biases": ("WandbTracker",),
    },
)
