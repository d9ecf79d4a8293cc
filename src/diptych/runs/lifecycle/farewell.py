"""What a finished run says last: its figure, its checkpoint, and a command to use it with."""

import shlex
from typing import Any

from diptych.config import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.handles import handle_for


def farewell(folder: RunFolder, best: float | None, best_images: int, system: Any, sentence: str) -> tuple[str, ...]:
    """Two lines for people; `sentence` is one that a generator could be asked for, "" if the data have none.

    `best_images` counts the images seen when the monitored figure was `best`; None where no validation measured it.
    """
    if not folder.has_saved:
        return ()
    command = handle_for(system).first_use(system, sentence)
    words = shlex.join(["diptych", command[0], folder.shown, *command[1:]])
    return _figure(folder, best, best_images), f"next: {words}"


def _figure(folder: RunFolder, best: float | None, best_images: int) -> str:
    checkpoint = f"checkpoint {folder.checkpoint().stem}"
    monitor = _monitor(folder)
    if monitor is None:
        return f"{checkpoint}; no figure is monitored (monitor=val/… keeps the best)"
    if best is None:
        return f"{checkpoint}; no validation measured {monitor}"
    return f"{checkpoint}: {monitor} {best:.4g} after {best_images:,} images"


def _monitor(folder: RunFolder) -> str | None:
    try:
        return folder.read_config().get("monitor")
    except UserError:
        return None
