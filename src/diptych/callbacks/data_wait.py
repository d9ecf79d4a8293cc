"""Say so when training waits for its data, and what to change."""

import logging
import os
import time
from typing import Any

from pytorch_lightning import Callback, Trainer

WINDOW_SECONDS = 30.0
MUCH = 0.2
"""Of a window, waited for data: a quarter more images could be seen."""
log = logging.getLogger(__name__)


class DataWait(Callback):
    """Warns once of the first window of training, validations left out, of which more than `max_share` was waited.

    Work that a GPU still does while data are waited for is not known here: what is lost may then be less.
    """

    def __init__(self, *, max_share: float | None = None) -> None:
        self.max_share = MUCH if max_share is None else max_share
        self._has_warned = False
        self._start = self._waited = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._open_window(trainer)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        seconds = time.monotonic() - self._start
        if self._has_warned or seconds < WINDOW_SECONDS:
            return
        share = (waited_seconds(trainer) - self._waited) / seconds
        if share > self.max_share:
            self._has_warned = True
            log.warning(
                "training waited for data %.0f %% of the last %.0f s: %s", 100 * share, seconds, advice(trainer)
            )
        self._open_window(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        self._open_window(trainer)

    def _open_window(self, trainer: Trainer) -> None:
        self._start, self._waited = time.monotonic(), waited_seconds(trainer)


def waited_seconds(trainer: Trainer) -> float:
    """Of this process's training so far; 0 for loaders that do not count them."""
    return getattr(trainer.train_dataloader, "waited_seconds", 0.0)


def advice(trainer: Trainer) -> str:
    """What to change, for this number of workers on this machine."""
    workers = getattr(getattr(trainer, "datamodule", None), "num_workers", 0)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers < cores - 1:
        return f"raise data.num_workers (now {workers}, of {cores} cores)"
    return f"data.num_workers={workers} of {cores} cores is enough; smaller files on a nearer disk help"
