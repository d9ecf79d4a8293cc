"""Views of progress: none, a bar for a terminal, lines for a log."""

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
class ProgressState:
    """A run's progress; `text` holds its latest figures or its current activity."""

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
    """`start` and as many whole figures (two spaces apart) as fit into the width."""
    line = start
    for figure in figures.split("  ") if figures else ():
        if len(line) + 2 + len(figure) > width:
            break
        line = f"{line}  {figure}"
    return line


class View:
    """Shows nothing."""

    def start(self, state: ProgressState) -> None:
        """Training begins or resumes at this state."""

    def show(self, state: ProgressState) -> None:
        """Show this state."""

    def close(self) -> None:
        """Training has ended for any reason; may be called twice."""


class Lines(View):
    """A line at every tenth of the budget, and a heartbeat line after a long silence."""

    def __init__(self, heartbeat_seconds: float) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self._tenths = 0
        self._said = 0.0

    def start(self, state: ProgressState) -> None:
        self._tenths = state.percent // LINES_EVERY_PERCENT
        self._said = time.monotonic()

    def show(self, state: ProgressState) -> None:
        tenths = state.percent // LINES_EVERY_PERCENT
        if tenths > self._tenths or time.monotonic() - self._said >= self.heartbeat_seconds:
            self._tenths, self._said = tenths, time.monotonic()
            _log.info("%s", fitting(f"{state.percent:3d}%  {state.numbers}", state.text))


class Bar(View):
    """Two rows at the bottom of the terminal: a bar with numbers, and the latest figures."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._streams: list[tuple[logging.StreamHandler, object]] = []

    def start(self, state: ProgressState) -> None:
        self._live.start()
        self._lead_messages_above()
        self.show(state)

    def show(self, state: ProgressState) -> None:
        self._live.update(two_rows(state), refresh=True)

    def close(self) -> None:
        for handler, stream in self._streams:
            handler.setStream(stream)
        self._streams.clear()
        self._live.stop()

    def _lead_messages_above(self) -> None:
        """Send log messages to the terminal through rich, which prints them above the bar."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.__stderr__:
                self._streams.append((handler, handler.setStream(sys.stderr)))


def two_rows(state: ProgressState) -> RenderableType:
    """The two rows of the bar, for a terminal of any width."""
    first = Table.grid(padding=(0, 1), expand=True)
    first.add_column(no_wrap=True)
    first.add_column(ratio=1)
    first.add_column(no_wrap=True)
    first.add_row(f"{state.percent:3d}%", ProgressBar(state.budget, state.images), state.numbers)
    both = Table.grid(expand=True)
    both.add_row(first)
    both.add_row(Text("     " + state.text, style="dim", no_wrap=True, overflow="ellipsis"))
    return both


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
