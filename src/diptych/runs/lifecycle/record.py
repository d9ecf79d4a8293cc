"""The record of one start of a run, however it ends: log.txt, status.json and the trackers' summary."""

import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diptych.callbacks import Checkpoints
from diptych.callbacks.durable import NO_ROOM, NotSaved, not_saved
from diptych.config import UserError
from diptych.config.origin import is_message
from diptych.data.loading.loader import end_workers
from diptych.runs.checkpoint_state import CheckpointState
from diptych.runs.distributed.ranks import RankLost
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.lock import LockHeld, is_locked, locked
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, LOST, PREEMPTED, PRUNED, RUNNING, STOPPED, host_name
from diptych.runs.lifecycle.farewell import farewell
from diptych.runs.lifecycle.logs import logging_to
from diptych.runs.lifecycle.preemption import await_slurm, is_preemption
from diptych.runs.lifecycle.signals import Pruned, Stopped, StopSignals
from diptych.systems.base import System
from diptych.tracking import Trackers

log = logging.getLogger(__name__)

STATUS_OF_ERRORS = ((FloatingPointError, DIVERGED), (RankLost, LOST))
"""The status of a run that ended with these errors; any other error means `failed`."""


@dataclass
class RunRecord:
    """What status.json and trackers record when a run ends; `resumed_from` is the checkpoint of this start.

    `sentence` is one of the data's, to ask the run for; `lines` are for people, once the run has ended.
    """

    signals: StopSignals
    resumed_from: CheckpointState | None = None
    system: System | None = None
    trackers: Trackers | None = None
    checkpoints: Checkpoints | None = None
    callbacks: Sequence[Any] = ()
    sentence: str = ""
    lines: tuple[str, ...] = ()

    @property
    def images_seen(self) -> int:
        counted = (self.resumed_from, self.system)
        return max((stage.images_seen for stage in counted if stage is not None), default=0)

    @property
    def stopped_because(self) -> str:
        """Why a callback ended the run before its budget; "" where none did."""
        return next((why for c in self.callbacks if (why := getattr(c, "stopped_because", ""))), "")

    @property
    def best(self) -> float | None:
        return self._best[0]

    @property
    def best_images(self) -> int:
        """Images seen when the best figure was reached."""
        return self._best[1]

    @property
    def _best(self) -> tuple[float | None, int]:
        if self.checkpoints and self.checkpoints.best.value is not None:
            return self.checkpoints.best.value, self.checkpoints.best.images
        return (self.resumed_from.best, self.resumed_from.best_images) if self.resumed_from else (None, 0)


@contextmanager
def exclusive_lock(folder: RunFolder) -> Iterator[None]:
    """No other process trains the run meanwhile; a preempted job releases the lock, then waits for its end."""
    before = folder.saved_at_ns
    try:
        with _locked(folder):
            yield
    except Stopped as stop:
        if is_preemption(stop.signum):
            await_slurm(stop.signum, has_saved=folder.saved_at_ns != before)
        raise


@contextmanager
def removed_if_refused(folder: RunFolder) -> Iterator[None]:
    """Delete the folder of a new run whose configuration is refused before the first step.

    The log of a run that fails by a fault of a program stays.
    """
    try:
        yield
    except ValueError as error:
        if is_message(error) and folder.read_status().images_seen == 0:
            folder.remove()
        raise


@contextmanager
def put_back_if_refused(folder: RunFolder, record: RunRecord) -> Iterator[None]:
    """Keep the configuration of before, if a resume is refused before its system is built."""
    before = folder.config.read_bytes() if folder.config.exists() else b""
    try:
        yield
    except ValueError:
        if record.system is None and before:
            folder.config.write_bytes(before)
        raise


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Name the full disk in the error: the file that the system names, else `path`."""
    try:
        yield
    except OSError as error:
        if isinstance(error, NotSaved) or error.errno not in NO_ROOM:
            raise
        raise not_saved(Path(error.filename or path), error) from error


def refuse_if_alive(folder: RunFolder) -> None:
    """Raise `UserError` if a process trains the run; for another machine, the lock decides."""
    status = folder.read_status()
    if status.is_alive and (status.host == host_name() or is_locked(folder.lock)):
        raise UserError(f"{folder.path} is being trained by process {status.pid}: stop that one first")


@contextmanager
def keep_record(folder: RunFolder, state: CheckpointState | None = None) -> Iterator[RunRecord]:
    """Keep log.txt and status.json of one start, and close the trackers with its status.

    `state` is the checkpoint to resume from.
    """
    signals = StopSignals()
    record = RunRecord(signals, state)
    with logging_to(folder.log), signals:
        status, why, exit_code = FAILED, "", None
        try:
            with full_disk_explained(folder.path):
                _record_start(folder, record)
                yield record
            status, why = DONE, record.stopped_because
        except (Stopped, NotSaved) as stop:
            status, why, exit_code = _status_of(stop), str(stop), getattr(stop, "exit_code", None)
            stop.add_note(_resume_hint(folder, record))
            raise
        except Pruned as pruned:
            status, why = PRUNED, str(pruned)
            log.info("pruned: %s", why)
        except BaseException as error:
            status, why = _status_of(error), f"{type(error).__name__}: {error}"
            with suppress(OSError), folder.log.open("a", encoding="utf-8") as file:
                traceback.print_exc(file=file)
            raise
        finally:
            signals.ignored_because = "the run has ended, and its record is being written"
            end_workers()
            _record_end(folder, status, why, record, exit_code)


def _record_start(folder: RunFolder, record: RunRecord) -> None:
    if folder.read_status().status != RUNNING:
        folder.prune.unlink(missing_ok=True)  # a request to an earlier start, which has ended
    folder.write_status(RUNNING, "", record.images_seen, record.best)


def _status_of(error: BaseException) -> str:
    """The status of a run that ended with this error."""
    if isinstance(error, Stopped) and is_preemption(error.signum):
        return PREEMPTED
    if isinstance(error, Stopped | NotSaved):
        return STOPPED
    return next((status for kind, status in STATUS_OF_ERRORS if isinstance(error, kind)), FAILED)


def _record_end(folder: RunFolder, status: str, why: str, record: RunRecord, exit_code: int | None) -> None:
    """Write the final status; if a full disk prevents that, the exit code reports it."""
    try:
        folder.write_status(status, why, record.images_seen, record.best, exit_code)
    except OSError as error:
        failure = not_saved(folder.path / "status.json", error)
        log.warning("%s", failure)
        if status == DONE:
            raise failure from error
    finally:
        signals = record.signals
        signals.deferred, signals.ignored_because = True, ""
        signals.next = "the run has ended, and its trackers are being closed"
        _close_trackers(folder, record, status)


def _close_trackers(folder: RunFolder, record: RunRecord, status: str) -> None:
    """Send the trackers the final status, as in status.json, and whether a generator has collapsed."""
    collapse = folder.read_collapse()
    record.lines = tuple(line for line in (record.stopped_because, collapse) if line)
    if status == DONE and record.system is not None:
        record.lines += farewell(folder, record.best, record.best_images, record.system, record.sentence)
    if record.trackers is None:
        return
    best = {} if record.best is None else {"best": record.best}
    known = {} if collapse is None else {"collapsed": collapse.startswith("collapsed")}
    known |= {"stopped": record.stopped_because} if record.stopped_because else {}
    record.trackers.summary({"images_seen": record.images_seen, **best, **known})
    if status == DONE and folder.has_saved:
        images = record.best_images if folder.best.exists() else record.images_seen
        record.trackers.checkpoint(folder.checkpoint(), images)
    record.lines = (*record.lines, *record.trackers.finish(status))


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    try:
        with locked(folder.lock):
            yield
    except LockHeld:
        refuse_if_alive(folder)
        raise UserError(f"{folder.path} is being trained by another process: stop that one first") from None


def _resume_hint(folder: RunFolder, record: RunRecord) -> str:
    """For people: the stopped run's folder and the command that resumes it."""
    if not folder.has_saved:
        return f"{folder.shown} has no checkpoint yet: start it again with diptych train"
    return f"it has seen {record.images_seen:,} images; resume it with\ndiptych resume {folder.shown}"
