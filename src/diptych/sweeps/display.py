"""The display of a sweep: a live table on a terminal, log lines elsewhere."""

import logging
import time
from contextlib import suppress

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from diptych.runs.folder.status import RUNNING
from diptych.sweeps.controller import Display
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job, Jobs
from diptych.sweeps.status import JobRow, SweepStatus, status_of

REFRESH_SECONDS = 1.0
STYLES = {
    "done": "green",
    "pruned": "blue",
    "running": "cyan",
    "failed": "red",
    "diverged": "red",
    "lost": "yellow",
    "stopped": "yellow",
}
HEADINGS = {"#": "right", "run": "left", "state": "left", "images": "right", "best": "right"}
LEAST_WIDTH = 12
"""The least width of the last column, in characters."""

log = logging.getLogger(__name__)


def display_for(folder: SweepFolder, num_slots: int = 1) -> Display:
    """The display that fits standard error."""
    console = Console(stderr=True)
    return TableDisplay(folder, num_slots, console) if console.is_terminal else LineDisplay(folder, num_slots)


class LineDisplay(Display):
    """A log line whenever a run starts or ends."""

    def __init__(self, folder: SweepFolder, num_slots: int) -> None:
        self.folder, self.num_slots = folder, num_slots
        self._shown: dict[int, Job] = {}

    def show(self, jobs: Jobs) -> None:
        changed = [job for job in jobs if self._is_news(job)]
        if not changed:
            return
        status = status_of(self.folder, jobs, self.num_slots)
        for job in changed:
            row = status.rows[job.number]
            why = f": {job.why.splitlines()[0]}" if job.why else ""
            place = f"{job.number + 1}/{max(len(jobs), jobs.expected_runs)}"
            again = f" (start {job.starts})" if job.starts > 1 and row.job.state == RUNNING else ""
            log.info("[%s] %s %s%s  %s%s", place, job.run_id, row.job.state, again, row.overrides, why)
            self._shown[job.number] = job
        log.info("sweep %s: %s", self.folder.name, status.summary)

    def _is_news(self, job: Job) -> bool:
        before = self._shown.get(job.number)
        return bool(job.starts) and (before is None or _news_of(before) != _news_of(job))


def _news_of(job: Job) -> tuple[str, int, bool]:
    return job.state, job.starts, job.waits


class TableDisplay(Display):
    """A table row per run: the running ones and the latest others, as many as fit."""

    def __init__(self, folder: SweepFolder, num_slots: int, console: Console) -> None:
        self.folder, self.num_slots, self.console = folder, num_slots, console
        self._live = Live(console=console, auto_refresh=False)
        self._jobs: Jobs | None = None
        self._drawn = 0.0
        self._live.start()

    def show(self, jobs: Jobs) -> None:
        self._jobs = jobs
        if time.monotonic() - self._drawn >= REFRESH_SECONDS:
            self._draw(jobs)

    def close(self) -> None:
        if self._jobs is not None:
            self._draw(self._jobs)
        with suppress(OSError):
            self._live.stop()

    def _draw(self, jobs: Jobs) -> None:
        self._drawn = time.monotonic()
        status = status_of(self.folder, jobs, self.num_slots)
        with suppress(OSError):  # the sweep outlives its terminal
            table = sweep_table(status, self.folder.name, self.console.height - 4, self.console.width)
            self._live.update(table, refresh=True)


def sweep_table(status: SweepStatus, name: str, most: int, width: int) -> Table:
    """The table, with at most `most` rows: running ones and the latest changes. The last column takes the room left."""
    table = Table(title=f"sweep {name}: {status.summary}", title_justify="left", box=None, pad_edge=False)
    for heading, justify in HEADINGS.items():
        table.add_column(heading, justify=justify, no_wrap=True)  # pyright: ignore[reportArgumentType]
    table.add_column("overrides", no_wrap=True)
    rows = sorted(status.rows, key=lambda row: (row.job.state == RUNNING, row.job.since))[-max(1, most) :]
    lines = [_cells(row) for row in sorted(rows, key=lambda row: row.job.number)]
    taken = sum(max(map(cell_len, column)) + 2 for column in zip(HEADINGS, *(line[:-1] for line in lines), strict=True))
    for *cells, overrides in lines:
        state = Text(cells[2], style=STYLES.get(cells[2], "default"))
        last = Text(_cut(overrides, max(LEAST_WIDTH, width - taken)))  # no markup: values may have brackets
        table.add_row(*cells[:2], state, *cells[3:], last)
    return table


def _cells(row: JobRow) -> list[str]:
    images, best = f"{row.images:,}" if row.images else "", "" if row.best is None else f"{row.best:.4g}"
    return [str(row.job.number + 1), row.job.run_id, row.job.state, images, best, row.overrides]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
