"""SIGINT and SIGTERM: training goes on to the next pause between batches, saves, and leaves with 128 + the signal.

Lightning alone ends with exit code 1 and 0. A second signal stops at once, without saving.
"""

import logging
import signal
import threading
from types import FrameType
from typing import Any, Self

log = logging.getLogger(__name__)


class Stopped(BaseException):
    """A run was told to stop. `code` is the process's exit code."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"stopped by {signal.Signals(signum).name}")
        self.code = 128 + signum


class StopSignals:
    """While entered, catches both signals; `deferred` says that there is something to save first."""

    def __init__(self) -> None:
        self.deferred = False
        self.received: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python gives signals to this one only
            self._previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def install(self) -> None:
        """Take the signals (again: Lightning puts a handler of its own in front when `fit` begins)."""
        for number in self._previous:
            signal.signal(number, self._handle)

    def raise_if_received(self) -> None:
        """To be called where stopping is safe."""
        if self.received is not None:
            raise Stopped(self.received)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        stops_at_once = not self.deferred or self.received is not None
        self.received = signum
        if stops_at_once:
            raise Stopped(signum)
        log.warning("%s: saving after this batch, then stopping (once more stops at once)", signal.Signals(signum).name)
