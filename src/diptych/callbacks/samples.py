"""Samples during training, as PNG files and for trackers: fixed noise and sentences, or captions of fixed images.

A system takes part by a method: `sample_grid() -> (images, sentences)` of a text-to-image model,
`example_captions() -> (images, captions, references)` of a captioner.
"""

import logging
import math
from collections.abc import Sequence
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from PIL import Image
from pytorch_lightning import Callback, Trainer

from diptych.callbacks.durable import PARTIAL_SUFFIX
from diptych.callbacks.grids import contact_sheet, rows_sheet, to_pil
from diptych.callbacks.rhythm import Every

GRID, CAPTIONS, EXAMPLES = "samples/grid", "samples/captions", "samples/examples"
_log = logging.getLogger(__name__)


class Samples(Callback):
    """Writes `samples/images-<count>.png` at the begin of training, every interval, and at the end."""

    def __init__(self, *, samples_folder: Path, trackers: Any, every_images: int) -> None:
        self.folder = samples_folder
        self.trackers = trackers
        self._every = Every(every_images, "callbacks.samples.every_images")

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        self._every.start(pl_module.images_seen)
        if pl_module.images_seen == 0:
            self._draw(trainer, pl_module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self._every.due(pl_module.images_seen) or trainer.should_stop:
            self._draw(trainer, pl_module)

    def _draw(self, trainer: Trainer, system: Any) -> None:
        """Write the pictures; a full disk does not end the run."""
        try:
            with getattr(trainer.strategy, "whole_weights", nullcontext)():
                if trainer.is_global_zero:
                    self._draw_all(system)
        except OSError as error:
            _log.warning("no samples at %s images: %s", f"{system.images_seen:,}", error)

    def _draw_all(self, system: Any) -> None:
        if hasattr(system, "sample_grid"):
            images, captions = system.sample_grid()
            self._show_grid(to_pil(images), captions, system.images_seen)
        if hasattr(system, "example_captions"):
            images, captions, references = system.example_captions()
            self._show_captions(to_pil(images), captions, references, system.images_seen)

    def _show_grid(self, pictures: list[Image.Image], captions: Sequence[str], images: int) -> None:
        path = self._save(_sheet(pictures, captions), f"images-{images:012d}.png")
        self.trackers.image(GRID, path, images)

    def _show_captions(
        self, pictures: list[Image.Image], captions: Sequence[str], references: Sequence[Sequence[str]], images: int
    ) -> None:
        first = [sentences[0] if sentences else "" for sentences in references]
        texts = [f"{caption or '(nothing)'}\n({reference})" for caption, reference in zip(captions, first, strict=True)]
        path = self._save(contact_sheet(pictures, texts), f"captions-{images:012d}.png")
        self.trackers.image(CAPTIONS, path, images, "generated captions, and references in brackets")
        files = [self._save(picture, f"examples/{index:03d}.png") for index, picture in enumerate(pictures)]
        rows = list(zip(files, captions, first, strict=True))
        self.trackers.table(EXAMPLES, ("image", "caption", "reference"), rows, images)

    def _save(self, picture: Image.Image, name: str) -> Path:
        path = self.folder / name
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            picture.save(partial, "PNG")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return path


def _sheet(pictures: list[Image.Image], captions: Sequence[str]) -> Image.Image:
    """A row per shared sentence, a square grid without sentences, else every picture with its own sentence."""
    if not any(captions):
        columns = math.ceil(math.sqrt(len(pictures)))
        return rows_sheet([("", pictures[i : i + columns]) for i in range(0, len(pictures), columns)])
    pairs = groupby(zip(captions, pictures, strict=True), key=itemgetter(0))
    rows = [(caption, [picture for _, picture in group]) for caption, group in pairs]
    return contact_sheet(pictures, captions) if len(rows) == len(pictures) else rows_sheet(rows)
