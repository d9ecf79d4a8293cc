"""What every tracker can be told. The x-axis is `images` everywhere: real examples seen in training.

Metric names are `stage/name`. Pictures are PNG files that already lie in the run folder; table cells are text,
numbers or such files. A tracker ignores what it has no use for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Cell = str | float | int | Path


@dataclass(frozen=True)
class RunInfo:
    """A run as trackers know it, and the sweep that it may be of.

    `resume_images` is the checkpoint's count of images when a run goes on. `facts` are what the run folder holds beside
    the configuration (digests, environment), fit to be told to others.
    """

    id: str
    experiment: str
    folder: Path
    resume_images: int | None = None
    sweep: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Tracker:
    """Base of all trackers: listens to everything, keeps nothing."""

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        """Open the record of `run`; `config` is the resolved configuration in plain containers."""

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        """One logging event: values measured when `images` had been seen."""

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        """A picture drawn when `images` had been seen."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        """Rows for people to read, drawn up when `images` had been seen."""

    def summary(self, values: Mapping[str, float | str]) -> None:
        """The run's figures, one value a name; a later value replaces an earlier one."""

    def checkpoint(self, file: Path, images: int) -> None:
        """The checkpoint of a finished run that is to be used; it was saved after `images`."""

    def flush(self) -> None:
        """Bring what was logged so far to where it outlives the machine; OSError where that cannot be."""

    def finish(self, status: str) -> str | None:
        """Close the record of a run that is `done`, `failed`, `stopped`, …; perhaps one line to show at the end."""

    def amend(
        self, config: Mapping[str, Any], run: RunInfo, values: Mapping[str, float | str], status: str
    ) -> str | None:
        """Add figures to those of a run that stays `status`; perhaps one line about what came of it."""
