"""Callbacks around the training steps. Intervals count images, and a resumed run keeps the same intervals."""

from diptych.callbacks.budget import Budget
from diptych.callbacks.checkpoints import Checkpoints
from diptych.callbacks.early_stopping import EarlyStopping
from diptych.callbacks.health import Health, TrainingDiverged
from diptych.callbacks.metrics_log import MetricsLog
from diptych.callbacks.progress import Progress
from diptych.callbacks.samples import Samples

__all__ = [
    "Budget",
    "Checkpoints",
    "EarlyStopping",
    "Health",
    "MetricsLog",
    "Progress",
    "Samples",
    "TrainingDiverged",
]
