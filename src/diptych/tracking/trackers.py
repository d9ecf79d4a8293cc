"""Several trackers as one. One that fails in mid-run is left out with a warning; training never stops for it."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from diptych.tracking.base import Cell, RunInfo, Tracker

_log = logging.getLogger(__name__)


class Trackers:
    """Tells every tracker in turn. With none, as on every rank but the first, it is silent."""

    def __init__(self, trackers: Iterable[Tracker] = ()) -> None:
        self._trackers = list(trackers)
        self._broken: set[Tracker] = set()

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        """Start all of them; here a ValueError is raised, because it is a mistake in the configuration."""
        self._tell(lambda tracker: tracker.start(config, run), raising=ValueError)

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        """Values measured when `images` had been seen."""
        self._tell(lambda tracker: tracker.log(metrics, images))

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        """A picture file drawn when `images` had been seen."""
        self._tell(lambda tracker: tracker.image(name, picture, images, caption))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        """Rows for people to read, drawn up when `images` had been seen."""
        self._tell(lambda tracker: tracker.table(name, columns, rows, images))

    def summary(self, values: Mapping[str, float | str]) -> None:
        """The run's figures."""
        self._tell(lambda tracker: tracker.summary(values))

    def checkpoint(self, file: Path, images: int) -> None:
        """The checkpoint of a finished run that is to be used."""
        self._tell(lambda tracker: tracker.checkpoint(file, images))

    def flush(self) -> OSError | None:
        """Bring what was logged so far to where it outlives the machine; what stands in the way of it, if anything."""
        try:
            for tracker in self._trackers:
                if tracker not in self._broken:
                    tracker.flush()
        except OSError as error:
            return error
        return None

    def finish(self, status: str) -> list[str]:
        """Close all of them, the broken ones too; the lines that a person should read at the end."""
        lines: list[str | None] = []
        for tracker in filter(self._broken.__contains__, self._trackers):
            with suppress(Exception):  # it has been said already that it is broken
                lines.append(tracker.finish(status))
        self._tell(lambda tracker: lines.append(tracker.finish(status)))
        return [line for line in lines if line]

    def _tell(self, call: Callable[[Tracker], None], raising: type[Exception] | tuple[()] = ()) -> None:
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
