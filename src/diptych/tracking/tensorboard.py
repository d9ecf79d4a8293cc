"""TensorBoard (`tracking=tensorboard`): curves, pictures and tables in the run folder's tensorboard/."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.tracking.base import Cell, RunInfo, Tracker


class TensorBoardTracker(Tracker):
    """Writes event files; after a resume, the new file hides events after the checkpoint."""

    def __init__(self) -> None:
        self._writer: Any = None

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        """Open the event file; the error names the extra if TensorBoard is not installed."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            message = "tracking=tensorboard needs TensorBoard; install it with: pip install 'diptych[tensorboard]'"
            raise ValueError(message) from error
        purge_step = None if run.resume_images is None else run.resume_images + 1
        self._writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=purge_step)
        self._writer.add_text("config", _as_code(json.dumps(config, indent=2, default=str)))

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, images)

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        pixels = np.asarray(Image.open(picture).convert("RGB"))
        self._writer.add_image(name, pixels, images, dataformats="HWC")

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        lines = [columns, ["---"] * len(columns), *rows]
        self._writer.add_text(name, "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines), images)

    def summary(self, values: Mapping[str, float | str]) -> None:
        self._writer.add_text("summary", _as_code(json.dumps(dict(values), indent=2)))

    def finish(self, status: str) -> str | None:
        self._writer.close()
        return f"TensorBoard: tensorboard --logdir {self._writer.log_dir}"


def _cell(value: Cell) -> str:
    return value.name if isinstance(value, Path) else str(value).replace("|", "\\|")


def _as_code(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())
