"""What happens around the training steps. Every interval is in images, and a resumed run keeps the same rhythm."""

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
