"""What is written down of one start of a run, however it ends: log.txt, status.json, and what trackers are told."""

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from diptych.callbacks import Checkpoints
from diptych.callbacks.durable import NO_ROOM, NotSaved, not_saved
from diptych.config import UserError
from diptych.data.loader import end_workers
from diptych.runs.checkpoint_state import CheckpointState
from diptych.runs.distributed.ranks import RankLost
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.lock import LockHeld, is_locked, locked
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PREEMPTED, PRUNED, RUNNING, STOPPED, host_name
from diptych.runs.lifecycle.logs import logging_to
from diptych.runs.lifecycle.preemption import await_the_end, is_preemption
from diptych.runs.lifecycle.signals import Pruned, Stopped, StopSignals
from diptych.systems.base import System
from diptych.tracking import Trackers

log = logging.getLogger(__name__)

LABELS = ((FloatingPointError, DIVERGED), (RankLost, LOST))
"""What a run is called that ended with these errors; with others it has failed."""


@dataclass
class Progress:
    """What status.json is told when a run ends, however it ends; `begun` is where it was when this start began."""

    signals: StopSignals
    begun: CheckpointState | None = None
    system: System | None = None
    trackers: Trackers | None = None
    checkpoints: Checkpoints | None = None
    lines: tuple[str, ...] = ()

    @property
    def images_seen(self) -> int:
        return max(self.begun.images_seen if self.begun else 0, self.system.images_seen if self.system else 0)

    @property
    def best(self) -> float | None:
        return self._best[0]

    @property
    def best_images(self) -> int:
        """When that was reached."""
        return self._best[1]

    @property
    def _best(self) -> tuple[float | None, int]:
        if self.checkpoints and self.checkpoints.best.value is not None:
            return self.checkpoints.best.value, self.checkpoints.best.images
        return (self.begun.best, self.begun.best_images) if self.begun else (None, 0)


@contextmanager
def exclusive_lock(folder: RunFolder) -> Iterator[None]:
    """Nobody else trains the run meanwhile; a job whose machine is taken away waits for its end when it has let go."""
    before = folder.saved
    try:
        with _locked(folder):
            yield
    except Stopped as stop:
        if is_preemption(stop.signum):
            await_the_end(stop.signum, has_saved=folder.saved != before)
        raise


@contextmanager
def gone_if_refused(folder: RunFolder) -> Iterator[None]:
    """Take away the folder of a new run that was refused before its first step: it holds nothing but the mistake."""
    try:
        yield
    except ValueError:
        if folder.read_status().images_seen == 0:
            folder.remove()
        raise


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Say of which disk it is that there is no room on it; `path` where the system names none."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NotSaved) or error.errno not in NO_ROOM:
            raise
        raise not_saved(Path(error.filename or path), error) from error


def refuse_if_alive(folder: RunFolder) -> None:
    """A process of another machine is asked for by the lock, since nobody can see from here whether it lives."""
    status = folder.read_status()
    if status.is_alive and (status.host == host_name() or is_locked(folder.lock)):
        raise UserError(f"{folder.path} is being trained by process {status.pid}: stop that one first")


@contextmanager
def recorded(folder: RunFolder, saved: CheckpointState | None = None) -> Iterator[Progress]:
    """Keep log.txt and status.json of one start, and close the trackers with its status; `saved` is where it begins."""
    signals = StopSignals()
    progress = Progress(signals, saved)
    with logging_to(folder.log), signals:
        status, why, exit_code = FAILED, "", None
        try:
            with full_disk_named(folder.path):
                _begin(folder, progress)
                yield progress
            status = DONE
        except (Stopped, NotSaved) as stop:
            status, why, exit_code = _label(stop), str(stop), getattr(stop, "exit_code", None)
            stop.add_note(_how_to_go_on(folder, progress))
            raise
        except Pruned as pruned:
            status, why = PRUNED, str(pruned)
            log.info("pruned: %s", why)
        except BaseException as error:
            status, why = _label(error), f"{type(error).__name__}: {error}"
            with suppress(OSError), folder.log.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        finally:
            signals.unheeded = "the run has ended, and is being written down"
            end_workers()
            _say_how_it_ended(folder, status, why, progress, exit_code)


def _begin(folder: RunFolder, progress: Progress) -> None:
    if folder.read_status().status != RUNNING:
        folder.prune.unlink(missing_ok=True)  # it was asked of an earlier start, which did end
    folder.write_status(RUNNING, "", progress.images_seen, progress.best)


def _label(error: BaseException) -> str:
    """What a run is called that ended with this."""
    if isinstance(error, Stopped) and is_preemption(error.signum):
        return PREEMPTED
    if isinstance(error, Stopped | NotSaved):
        return STOPPED
    return next((label for kind, label in LABELS if isinstance(error, kind)), FAILED)


def _say_how_it_ended(folder: RunFolder, status: str, why: str, progress: Progress, exit_code: int | None) -> None:
    """A full disk may keep status.json from saying it; the exit code does then."""
    try:
        folder.write_status(status, why, progress.images_seen, progress.best, exit_code)
    except OSError as error:
        failure = not_saved(folder.path / "status.json", error)
        log.warning("%s", failure)
        if status == DONE:
            raise failure from error
    finally:
        signals = progress.signals
        signals.deferred, signals.unheeded = True, ""
        signals.next = "the run has ended, and its trackers are being told"
        _close_trackers(folder, progress, status)


def _close_trackers(folder: RunFolder, progress: Progress, status: str) -> None:
    """Tell them how the run ended, in the words of status.json."""
    if progress.trackers is None:
        return
    best = {} if progress.best is None else {"best": progress.best}
    progress.trackers.summary({"images_seen": progress.images_seen, **best})
    if status == DONE and folder.has_saved:
        images = progress.best_images if folder.best.exists() else progress.images_seen
        progress.trackers.checkpoint(folder.checkpoint(), images)
    progress.lines = tuple(progress.trackers.finish(status))


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    try:
        with locked(folder.lock):
            yield
    except LockHeld:
        refuse_if_alive(folder)
        raise UserError(f"{folder.path} is being trained by another process: stop that one first") from None


def _how_to_go_on(folder: RunFolder, progress: Progress) -> str:
    """For people: where the stopped run lies, and the command that goes on with it."""
    if not folder.has_saved:
        return f"{folder.shown} has no checkpoint yet: begin anew"
    return f"it has seen {progress.images_seen:,} images; go on with\ndiptych resume {folder.shown}"
