"""The faces of progress: silence, a bar for a terminal of 80 columns, lines for a log."""

import logging
import sys
import time
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

LINES_EVERY_PERCENT = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """How far a run is; `text` holds its latest figures, or what it is busy with."""

    images: int
    budget: int
    images_per_second: float
    seconds_left: float | None
    text: str = ""

    @property
    def percent(self) -> int:
        return min(100, 100 * self.images // self.budget)

    @property
    def numbers(self) -> str:
        """`12,800/30,000 images  1,234/s  0:32 left`."""
        parts = [f"{self.images:,}/{self.budget:,} images"]
        if self.images_per_second:
            parts.append(f"{self.images_per_second:,.0f}/s")
        if self.seconds_left is not None:
            parts.append(f"{_clock(self.seconds_left)} left")
        return "  ".join(parts)


def fitting(start: str, figures: str, width: int = 80) -> str:
    """`start` and as many whole figures (two spaces apart) as the width has room for."""
    line = start
    for figure in figures.split("  ") if figures else ():
        if len(line) + 2 + len(figure) > width:
            break
        line = f"{line}  {figure}"
    return line


class View:
    """Silence."""

    def start(self, standing: Standing) -> None:
        """Training begins, or goes on, there."""

    def show(self, standing: Standing) -> None:
        """It has come so far."""

    def close(self) -> None:
        """It has ended, one way or another; may be called twice."""


class Lines(View):
    """A line at every tenth of the budget, and a sign of life when nothing was said for a while."""

    def __init__(self, heartbeat_seconds: float) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self._tenths = 0
        self._said = 0.0

    def start(self, standing: Standing) -> None:
        self._tenths = standing.percent // LINES_EVERY_PERCENT
        self._said = time.monotonic()

    def show(self, standing: Standing) -> None:
        tenths = standing.percent // LINES_EVERY_PERCENT
        if tenths > self._tenths or time.monotonic() - self._said >= self.heartbeat_seconds:
            self._tenths, self._said = tenths, time.monotonic()
            _log.info("%s", fitting(f"{standing.percent:3d}%  {standing.numbers}", standing.text))


class Bar(View):
    """Two rows that stay at the bottom: a bar with numbers, and the latest figures."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._streams: list[tuple[logging.StreamHandler, object]] = []

    def start(self, standing: Standing) -> None:
        self._live.start()
        self._lead_messages_above()
        self.show(standing)

    def show(self, standing: Standing) -> None:
        self._live.update(two_rows(standing), refresh=True)

    def close(self) -> None:
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
        self._live.stop()

    def _lead_messages_above(self) -> None:
        """What is logged to the terminal while the bar is there goes through rich, which keeps the two apart."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stderr__:
                self._streams.append((handler, handler.setStream(sys.stderr)))


def two_rows(standing: Standing) -> RenderableType:
    """What stands at the bottom of a terminal, whatever its width."""
    first = Table.grid(padding=(0, 1), expand=True)
    first.add_column(no_wrap=True)
    first.add_column(ratio=1)
    first.add_column(no_wrap=True)
    first.add_row(f"{standing.percent:3d}%", ProgressBar(standing.budget, standing.images), standing.numbers)
    both = Table.grid(expand=True)
    both.add_row(first)
    both.add_row(Text("     " + standing.text, style="dim", no_wrap=True, overflow="ellipsis"))
    return both


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
