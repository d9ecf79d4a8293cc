"""Trackers of a run: metrics.csv always, Weights & Biases, TensorBoard. Only this package imports wandb."""

from diptych.tracking.base import RunInfo, Tracker
from diptych.tracking.csv_file import CsvTracker, read_metrics
from diptych.tracking.tensorboard import TensorBoardTracker
from diptych.tracking.trackers import Trackers
from diptych.tracking.weights_and_biases import WandbTracker

__all__ = ["CsvTracker", "RunInfo", "TensorBoardTracker", "Tracker", "Trackers", "WandbTracker", "read_metrics"]
