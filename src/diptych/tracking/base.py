"""The interface of all trackers. The x-axis is always `images`: real examples seen in training.

Metric names are `stage/name`. Pictures are PNG files in the run folder; table cells are text, numbers or such files. A
tracker ignores what it does not need.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Cell = str | float | int | Path


@dataclass(frozen=True)
class RunInfo:
    """What trackers know of a run and its sweep, if any.

    `resume_images` is the checkpoint's count of images in a resumed run. `facts` are digests and environment, redacted.
    """

    id: str
    experiment: str
    folder: Path
    resume_images: int | None = None
    sweep: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Tracker:
    """Base of all trackers: accepts everything, keeps nothing."""

    def start(self, config: Mapping[str, Any], run: RunInfo) -> None:
        """Open the record of `run`; `config` is the resolved configuration in plain containers."""

    def log(self, metrics: Mapping[str, float], images: int) -> None:
        """One logging event: values measured after `images` images."""

    def image(self, name: str, picture: Path, images: int, caption: str = "") -> None:
        """A picture drawn after `images` images."""

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], images: int) -> None:
        """Rows for people to read, made after `images` images."""

    def summary(self, values: Mapping[str, float | str]) -> None:
        """The run's figures, one value per name; a later value replaces an earlier one."""

    def checkpoint(self, file: Path, images: int) -> None:
        """The checkpoint to use of a finished run, saved after `images` images."""

    def flush(self) -> None:
        """Write everything logged so far to durable storage; `OSError` if that fails."""

    def finish(self, status: str) -> str | None:
        """Close the record of a run that is `done`, `failed`, `stopped`, …; may return a line to show at the end."""

    def amend(
        self, config: Mapping[str, Any], run: RunInfo, values: Mapping[str, float | str], status: str
    ) -> str | None:
        """Add figures to an ended run, whose status stays `status`; may return a line to show."""
