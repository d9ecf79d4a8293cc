"""May one train on pictures with problems? Data that can be inspected, and what is said of what was found."""

import logging
from typing import Any, Literal, Protocol, runtime_checkable

from diptych.data.caption_files.faults import sentence

log = logging.getLogger(__name__)


class Inspected(Protocol):
    """What was found: problems by kind, and how much is good."""

    problems: dict[str, list[str]]

    @property
    def blocking(self) -> dict[str, list[str]]: ...

    @property
    def num_pictures(self) -> int: ...


@runtime_checkable
class Inspectable(Protocol):
    """Data whose pictures and captions are all examined before training, by the functions of training."""

    def inspect(self) -> Any:
        """The good pictures and all problems of the others, as `Inspected`."""
        ...

    def divide(self, findings: Any) -> Any:
        """The facts and the splits of what was found; a ValueError says why nobody can train on them."""
        ...

    def num_captions(self, findings: Any) -> int:
        """Of the good pictures."""
        ...


@runtime_checkable
class ComparesSplits(Protocol):
    """Data that find pictures of one split in another."""

    def leaks(self, splits: Any) -> list[str]:
        """Pictures that stand in two splits, byte for byte."""
        ...

    def look_alikes(self, splits: Any) -> list[str]:
        """Pictures of two splits that look alike, with other bytes."""
        ...


def raise_or_warn(findings: Inspected, *, place: str, command: str, on_error: Literal["raise", "skip"]) -> None:
    """Raise if there are problems, or warn of the pictures left out; `command` lists all problems of `place`."""
    for kind, names in findings.problems.items():
        if kind not in findings.blocking:
            log.warning("%s: %s", place, sentence(kind, names))
    if not findings.blocking:
        return
    problems = "\n".join(f"  {sentence(kind, names)}" for kind, names in findings.blocking.items())
    good = findings.num_pictures
    if on_error == "raise":
        raise ValueError(
            f"{place} has problems:\n{problems}\n"
            f"`{command}` lists them all; "
            f"data.on_error=skip leaves that out, with {good:,} good pictures"
        )
    log.warning("%s: left out, with %s good pictures remaining:\n%s", place, f"{good:,}", problems)
