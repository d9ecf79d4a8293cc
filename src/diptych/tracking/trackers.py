"""Several trackers as one. A tracker that fails during a run is left out with a warning; training continues."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from diptych.tracking.base import Cell, RunInfo, Tracker

_log = logging.getLogger(__name__)


class Trackers:
    """Calls every tracker in turn. Every rank but the first has none."""

    def __init__(self, trackers: Iterable[Tracker] = ()) -> None:
        self._trackers = list(trackers)
        self._broken: set[Tracker] = set()

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        """Start all trackers; a ValueError is raised, since it means an error in the configuration."""
        self._call_each(lambda tracker: tracker.start(config, run), raising=ValueError)

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        """Values measured after `images` images."""
        self._call_each(lambda tracker: tracker.log(metrics, images))

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        """A picture file drawn after `images` images."""
        self._call_each(lambda tracker: tracker.image(name, picture, images, caption))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        """Rows for people to read, made after `images` images."""
        self._call_each(lambda tracker: tracker.table(name, columns, rows, images))

    def summary(self, values: Mapping[str, float | str]) -> None:
        """The run's figures."""
        self._call_each(lambda tracker: tracker.summary(values))

    def checkpoint(self, file: Path, images: int) -> None:
        """The checkpoint to use of a finished run."""
        self._call_each(lambda tracker: tracker.checkpoint(file, images))

    def flush(self) -> OSError | None:
        """Write everything logged so far to durable storage; return the error, if any."""
        try:
            for tracker in self._trackers:
                if tracker not in self._broken:
                    tracker.flush()
        except OSError as error:
            return error
        return None

    def finish(self, status: str) -> list[str]:
        """Close all trackers, the broken ones too; return the lines to show at the end."""
        lines: list[str | None] = []
        for tracker in filter(self._broken.__contains__, self._trackers):
            with suppress(Exception):  # its failure is already logged
                lines.append(tracker.finish(status))
        self._call_each(lambda tracker: lines.append(tracker.finish(status)))
        return [line for line in lines if line]

    def _call_each(self, call: Callable[[Tracker], None], raising: type[Exception] | tuple[()] = ()) -> None:
        for tracker in self._trackers:
            if tracker in self._broken:
                continue
            try:
                call(tracker)
            except raising:
                raise
            except Exception as error:
                self._broken.add(tracker)
                _log.warning("%s failed and is left out from here on: %s", type(tracker).__name__, error)
