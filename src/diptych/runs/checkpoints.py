"""Checkpoint files: their content, and which of a run's files are intact.

A checkpoint is a ZIP archive with a checksum of every record. torch writes the checksums but does not check them when
it loads, so a flipped bit in a weight would go unnoticed. They are checked here, at a third of a second per gigabyte.
"""

import zipfile
from pathlib import Path
from typing import Any

from diptych.config.errors import UserError
from diptych.runs.folder.layout import RunFolder


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The plain content of an intact checkpoint; `weights_only`, so reading it runs no code."""
    import torch  # importing takes seconds, too long for supervisors of sweeps

    try:
        if reason := damage(path):
            raise ValueError(reason)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"there is no checkpoint {path}") from None
    except OSError:
        raise
    except Exception as error:  # damage can raise any error
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"{path} cannot be read as a checkpoint ({reason})") from error
    if "config" not in checkpoint or "data_spec" not in checkpoint:
        raise UserError(
            f"{path} is not a checkpoint of diptych: it contains no configuration. Those of a plain Trainer have one "
            "if diptych.build made what it trained"
        )
    return checkpoint


def newest_whole(run: RunFolder) -> Path | None:
    """The checkpoint to resume from; None if none is intact."""
    return next((path for path in candidates(run) if not damage(path)), None)


def candidates(run: RunFolder) -> list[Path]:
    """All checkpoints of the run, in the order to resume from; best.ckpt is complete, too, but may be old."""
    return [path for path in (run.last, run.previous, run.best) if path.exists()]


def damage(path: Path) -> str:
    """What is wrong with a checkpoint's file, in a few words; "" if it is intact."""
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except PermissionError:
        raise
    except zipfile.BadZipFile:
        return "it is cut off or overwritten"
    except Exception as error:  # damage can raise any error, depending on the bytes
        return str(error) or type(error).__name__
    return f"the checksum of {broken} is wrong" if broken else ""
