"""Whether images are all alike, or ignore their sentences: said in the log, and kept in the run's folder."""

import logging
from typing import Any

from pytorch_lightning import Callback, Trainer

from diptych.callbacks.figures import numbers
from diptych.callbacks.rhythm import is_fitting
from diptych.metrics.diversity import LATENTS, why_collapsed
from diptych.runs.folder.layout import RunFolder

ADVICE = "docs/metrics.md says what the figures mean; the sheets in samples/ show it"
_log = logging.getLogger(__name__)


class CollapseWatch(Callback):
    """Reads the diversity of every validation; the last one counts.

    Images of the first steps are alike, too, so the log speaks of a collapse from half of the budget on, or once there
    was something to lose.
    """

    def __init__(self, folder: RunFolder, budget_images: int) -> None:
        self.folder, self.budget_images = folder, budget_images
        self._had_variety = False

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        logged = numbers(trainer.callback_metrics, "val/")
        figures = {name.removeprefix("val/"): value for name, value in logged.items()}
        if not is_fitting(trainer) or LATENTS not in figures:
            return
        before, now = self.folder.read_collapse(), why_collapsed(figures)
        self.folder.write_collapse(now)
        self._had_variety |= not now or before == ""
        is_young = pl_module.images_seen < self.budget_images / 2 and not self._had_variety
        if now and not is_young:
            _log.warning("%s after %s images; %s", now, f"{pl_module.images_seen:,}", ADVICE)
        elif before and not now:
            _log.info("no longer %s after %s images", before.partition(":")[0], f"{pl_module.images_seen:,}")
