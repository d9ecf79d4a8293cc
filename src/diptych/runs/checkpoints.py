"""Checkpoint files: their content, and which of a run's are whole.

A checkpoint is a ZIP archive with a checksum of every record. torch writes them and does not look at them when it
loads: a flipped bit in a weight passes unseen. So they are looked at here, which takes a third of a second a gigabyte.
"""

import zipfile
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.layout import RunFolder


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A whole checkpoint's plain content; `weights_only`, so that reading one runs no code."""
    import torch  # seconds of import time, which supervisors of sweeps do not have

    try:
        if reason := damage(path):
            raise ValueError(reason)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}") from None
    except OSError:
        raise
    except Exception as error:  # damage shows in as many ways as there are opcodes in a pickle
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"{path} cannot be read as a checkpoint ({reason})") from error
    if "config" not in checkpoint or "data_spec" not in checkpoint:
        raise UserError(f"{path} is not a checkpoint of diptych: it carries no configuration")
    return checkpoint


def newest_whole(run: RunFolder) -> Path | None:
    """The checkpoint to go on from; None where there is none that is whole."""
    return next((path for path in candidates(run) if not damage(path)), None)


def candidates(run: RunFolder) -> list[Path]:
    """All checkpoints there are, those to go on from first; best.ckpt is as complete as the others, but may be old."""
    return [path for path in (run.last, run.previous, run.best) if path.exists()]


def damage(path: Path) -> str:
    """What is wrong with a checkpoint's file, in a few words; "" for one that is whole."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except PermissionError:
        raise
    except zipfile.BadZipFile:
        return "it is cut off or overwritten"
    except Exception as error:  # damage shows in many ways, depending on which bytes it has hit
        return str(error) or type(error).__name__
    return f"the checksum of {broken} is wrong" if broken else ""
