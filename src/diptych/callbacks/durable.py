"""Write checkpoint files all or nothing: write a temporary file, sync it to the disk, then rename it.

The replaced file may be kept under another name, as a fallback for a file that becomes damaged on the disk.
"""

import errno
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

PARTIAL_SUFFIX = ".partial"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNITS = ((2**40, "TB"), (2**30, "GB"), (2**20, "MB"), (2**10, "kB"))


class NotSaved(OSError):
    """A run cannot write something that it must keep; earlier files are untouched, and it can resume from them."""

    exit_code = os.EX_TEMPFAIL


class DurableCheckpointIO(TorchCheckpointIO):
    """Keep the earlier file if writing fails; always keep the files in `kept`, under the names given there.

    `failure` holds the reason of a failed write; raising on one rank would let the others wait for ever.
    """

    def __init__(self, kept: dict[str, str] | None = None) -> None:
        super().__init__()
        self.kept = kept or {}
        self.failure: OSError | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        path = Path(path)
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        self.failure, handled = None, sys.exc_info()[1]
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            if path.name in self.kept:
                _keep(path, path.with_name(self.kept[path.name]))
            os.replace(partial, path)
            _sync_folder(path.parent)
        except (OSError, RuntimeError) as error:  # torch turns a failed write into a RuntimeError
            self.failure = _failed_write(error, handled)
            if self.failure is None:
                raise
        finally:
            partial.unlink(missing_ok=True)


def not_saved(path: Path, error: OSError) -> NotSaved:
    """An error that names the disk and the fix."""
    reason = (error.strerror or str(error)).splitlines()[0]
    return NotSaved(f"{path} cannot be written: {reason}. {_advice(path, error)}")


def _advice(path: Path, error: OSError) -> str:
    there = next(folder for folder in path.absolute().parents if folder.is_dir())
    if error.errno not in NO_ROOM:
        return f"Make {there} writable; earlier checkpoints are untouched"
    disk = next(folder for folder in (there, *there.parents) if folder.is_mount())
    room = shutil.disk_usage(there)
    left = f"{_size(room.free)} of {_size(room.total)} are left, or less under a quota"
    return f"Make room on the disk at {disk} ({left}); earlier checkpoints are untouched"


def _size(number: int) -> str:
    unit, name = next((pair for pair in UNITS if number >= pair[0]), (1, "bytes"))
    return f"{number / unit:.3g} {name}"


def _keep(path: Path, earlier: Path) -> None:
    """Hard-link the file to a second name; on a file system without hard links, rename it."""
    if not path.exists():
        return
    link = earlier.with_name(earlier.name + PARTIAL_SUFFIX)
    link.unlink(missing_ok=True)
    try:
        os.link(path, link)
    except OSError:
        os.replace(path, earlier)
    else:
        os.replace(link, earlier)
        link.unlink(missing_ok=True)  # renaming a hard link to another link of the same file does nothing


def _sync_folder(folder: Path) -> None:
    """Sync the folder: without it, a rename may not reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed_write(error: BaseException | None, handled: BaseException | None) -> OSError | None:
    """The failed write that caused an error, if any; `handled` is the exception that was handled before the save."""
    found = None
    while error is not None and error is not handled:
        found = error if isinstance(error, OSError) else found
        error = error.__context__
    return found
