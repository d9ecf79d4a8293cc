"""Stop when a validation figure no longer improves. Patience counts images, like every interval."""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.callbacks.best import Best, few_examples_hint
from diptych.callbacks.rhythm import is_fitting

_log = logging.getLogger(__name__)


class EarlyStopping(Callback):
    """Stops after `patience_images` without an improvement above `min_delta`; null patience never stops."""

    def __init__(
        self, *, monitor: str | None, mode: str, patience_images: int | None = None, min_delta: float = 0.0
    ) -> None:
        if patience_images is not None and monitor is None:
            raise ValueError(
                f"callbacks.early_stopping.patience_images={patience_images} needs a monitored figure: "
                "add monitor=val/…"
            )
        self.patience_images = patience_images
        self.best = Best(monitor, mode, min_delta)
        self.stopped_because = ""

    def on_sanity_check_end(self, trainer: Trainer, pl_module: Any) -> None:
        self.best.check(trainer.callback_metrics, few_examples_hint(trainer))

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.patience_images is None or not is_fitting(trainer):
            return
        self.best.update(trainer.callback_metrics, pl_module.images_seen)
        if pl_module.images_seen - self.best.images >= self.patience_images:
            since = f"{_short(self.best.value)} since {self.best.images:,} images"
            self.stopped_because = f"stopping early: {self.best.monitor} has not improved on {since}"
            _log.info("%s", self.stopped_because)
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return self.best.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best.load_state_dict(state_dict)


def _short(value: float | None) -> str:
    return "nothing" if value is None else format(value, ".4g")
