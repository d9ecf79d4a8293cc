"""Callbacks around the training steps. Intervals count images, and a resumed run keeps the same intervals.

A name is imported when it is first asked for: contact sheets and fonts need no Lightning.
"""

from typing import TYPE_CHECKING

from diptych.on_demand import names_on_demand

if TYPE_CHECKING:
    from diptych.callbacks.budget import Budget
    from diptych.callbacks.checkpoints import Checkpoints
    from diptych.callbacks.data_wait import DataWait
    from diptych.callbacks.early_stopping import EarlyStopping
    from diptych.callbacks.failure_stop import FailureStop
    from diptych.callbacks.health import Health, TrainingDiverged
    from diptych.callbacks.metrics_log import MetricsLog
    from diptych.callbacks.progress import Progress
    from diptych.callbacks.samples import Samples

__all__ = [
    "Budget",
    "Checkpoints",
    "DataWait",
    "EarlyStopping",
    "FailureStop",
    "Health",
    "MetricsLog",
    "Progress",
    "Samples",
    "TrainingDiverged",
]

__getattr__ = names_on_demand(
    __name__,
    {
        "budget": ("Budget",),
        "checkpoints": ("Checkpoints",),
        "data_wait": ("DataWait",),
        "early_stopping": ("EarlyStopping",),
        "failure_stop": ("FailureStop",),
        "health": (
            "Health",
            "TrainingDiverged",
        ),
        "metrics_log": ("MetricsLog",),
        "progress": ("Progress",),
        "samples": ("Samples",),
    },
)
