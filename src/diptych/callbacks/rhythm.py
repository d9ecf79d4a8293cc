"""When callbacks are due: intervals in images, whether a validation follows, and the training speed."""

import math
import time

from pytorch_lightning import Trainer
from pytorch_lightning.trainer.states import TrainerFn


class Every:
    """Due once in each interval of images, for any batch size; a resume does not shift it."""

    def __init__(self, images: int, key: str) -> None:
        if images <= 0:
            raise ValueError(f"{key}={images}: give a positive number of images, or drop the callback with ~")
        self.images = images
        self._intervals_done = 0

    def start(self, images_seen: int) -> None:
        """Start to count where training begins or resumes."""
        self._intervals_done = images_seen // self.images

    def due(self, images_seen: int) -> bool:
        """Whether an interval ended since the last call."""
        intervals = images_seen // self.images
        ended = intervals > self._intervals_done
        self._intervals_done = intervals
        return ended


def validation_follows(trainer: Trainer) -> bool:
    """Whether Lightning validates right after the batch that has just ended.

    A checkpoint that is due then belongs after the validation: a run resumed from a checkpoint at the end of the batch
    would skip that validation.
    """
    if not trainer.enable_validation:
        return False
    return trainer.should_stop or (trainer.fit_loop.total_batch_idx + 1) % (trainer.val_check_batch or 1) == 0


def is_fitting(trainer: Trainer) -> bool:
    """Whether a validation belongs to training, not to a sanity check or an evaluation."""
    return trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking


class Pace:
    """Recent images per second of wall time, validations included.

    Sums of images and seconds decay by e in `window_seconds`; at first the rate is the plain average.
    """

    def __init__(self, images_seen: int, now: float, window_seconds: float = 60) -> None:
        self.window_seconds = window_seconds
        self._at = (images_seen, now)
        self._images = self._seconds = 0.0

    def update(self, images_seen: int, now: float) -> float:
        """The rate, after an update with the images seen at `now` (of `time.monotonic`)."""
        images_before, before = self._at
        kept = math.exp((before - now) / self.window_seconds)
        self._images = kept * self._images + images_seen - images_before
        self._seconds = kept * self._seconds + now - before
        self._at = (images_seen, now)
        return self._images / max(self._seconds, 1e-9)


class Stopwatch:
    """Images per second of training alone: time between `pause` and `resume` does not count."""

    def __init__(self) -> None:
        self._images = 0
        self._seconds = 0.0
        self._running_since: float | None = None

    def start(self, images_seen: int) -> None:
        """Start a lap."""
        self._images, self._seconds, self._running_since = images_seen, 0.0, time.monotonic()

    def pause(self) -> None:
        if self._running_since is not None:
            self._seconds += time.monotonic() - self._running_since
            self._running_since = None

    def resume(self) -> None:
        self._running_since = time.monotonic()

    def lap(self, images_seen: int) -> float:
        """Images per second since the last lap; starts the next lap."""
        self.pause()
        rate = (images_seen - self._images) / max(self._seconds, 1e-9)
        self.start(images_seen)
        return rate
