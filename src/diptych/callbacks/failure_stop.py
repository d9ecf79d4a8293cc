"""Stop a GAN that has failed: it has collapsed, ignores its sentences, or its discriminator is always right.

Patience counts images, like every interval, and begins anew with each validation that shows no failure. Losses that are
not finite end a run at once (`diptych.callbacks.health`).
"""

import logging
from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Callback, Trainer
from torch import Tensor

from diptych.callbacks.figures import as_numbers, numbers
from diptych.callbacks.rhythm import is_fitting
from diptych.metrics.diversity import why_collapsed

KEY = "callbacks.failure_stop"
_log = logging.getLogger(__name__)


class FailureStop(Callback):
    """Stops a run that every validation of the last `patience_images` found failed; null patience never stops.

    `max_gap` bounds the gap of the discriminator's mean probabilities of the last batch, D(x) - D(G(z)); null: it does
    not count. Images of the first steps are alike in every run, so the patience should be longer than they take.
    """

    def __init__(self, *, patience_images: int | None = None, max_gap: float | None = None) -> None:
        if patience_images is not None and patience_images < 1:
            raise ValueError(f"{KEY}.patience_images={patience_images} must be positive; null never stops")
        if max_gap is not None and not 0 < max_gap < 1:
            raise ValueError(f"{KEY}.max_gap={max_gap} must lie between 0 and 1, a difference of probabilities")
        if max_gap is not None and patience_images is None:
            raise ValueError(f"{KEY}.max_gap={max_gap} stops nothing alone: set {KEY}.patience_images, too")
        self.patience_images, self.max_gap = patience_images, max_gap
        self.failed_since: int | None = None
        self.stopped_because = ""

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        if self.patience_images is None or not is_fitting(trainer):
            return
        images = pl_module.images_seen
        why = self._why_failed(trainer.callback_metrics, pl_module.step_figures)
        self.failed_since = (images if self.failed_since is None else self.failed_since) if why else None
        if self.failed_since is not None and images - self.failed_since >= self.patience_images:
            self.stopped_because = f"stopped after {images:,} images, failed since {self.failed_since:,}: {why}"
            _log.warning("%s", self.stopped_because)
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        return {"failed_since": self.failed_since}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.failed_since = state_dict["failed_since"]

    def _why_failed(self, validated: Mapping[str, Tensor], trained: Mapping[str, Tensor]) -> str:
        figures = {name.removeprefix("val/"): value for name, value in numbers(dict(validated), "val/").items()}
        return why_collapsed(figures) or self._why_too_good(trained)

    def _why_too_good(self, trained: Mapping[str, Tensor]) -> str:
        names = ("train/d_real", "train/d_fake_before")
        if self.max_gap is None or any(name not in trained for name in names):
            return ""
        real, fake = as_numbers(trained[name] for name in names)
        if real - fake <= self.max_gap:
            return ""
        return f"the discriminator is always right: D(x) - D(G(z)) is {real - fake:.3f}, above {self.max_gap:g}"
