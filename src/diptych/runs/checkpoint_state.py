"""The state to resume from: the newest readable checkpoint; damaged ones are set aside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diptych.config import Config
from diptych.config.errors import UserError
from diptych.runs.checkpoints import candidates, damage, read_checkpoint
from diptych.runs.folder.layout import RunFolder
from diptych.runs.trust import Subject

TORN_SUFFIX = ".torn"


class CheckpointState(NamedTuple):
    """A checkpoint to resume from, the run's state in it, and the damage of other checkpoints, by path.

    `subject` is what must be trusted to restore it. `has_ended`: nothing was left to train. `best` is the best
    monitored figure so far, if any; `best_images` is when the run reached it.
    """

    path: Path
    config: Config
    images_seen: int
    has_ended: bool
    best: float | None
    best_images: int
    damaged: Mapping[Path, str]
    subject: Subject


def newest_checkpoint(run: RunFolder) -> CheckpointState:
    """The newest readable checkpoint; `UserError` if there is none."""
    paths, damaged = candidates(run), {}
    for number, path in enumerate(paths, start=1):
        try:
            content = read_checkpoint(path)
        except UserError as error:
            damaged[path] = str(error)
        else:
            rest = {other: damage(other) for other in paths[number:]}
            damaged |= {other: reason for other, reason in rest.items() if reason}
            return _state_of(path, content, damaged)
    raise UserError(
        "\n".join(damaged.values())
        or f"there is no checkpoint in {run.checkpoints} yet: start the run again with diptych train"
    )


def _state_of(path: Path, content: Mapping[str, Any], damaged: Mapping[Path, str]) -> CheckpointState:
    best = {"value": None, "images": 0} | content["callbacks"].get("Checkpoints", {})
    return CheckpointState(
        path,
        config=content["config"],
        images_seen=content["images_seen"],
        has_ended=content.get("ended", False),
        best=best["value"],
        best_images=best["images"],
        damaged=damaged,
        subject=Subject.of(content),
    )


def set_aside(state: CheckpointState) -> str:
    """Rename damaged checkpoints, so that they are neither used nor kept in place of intact ones; return a message."""
    for path in state.damaged:
        path.replace(path.with_name(path.name + TORN_SUFFIX))
    names = " and ".join(path.name for path in state.damaged)
    reasons = "; ".join(state.damaged.values())
    return (
        f"set aside as damaged: {names} (now *{TORN_SUFFIX}). Resuming from {state.path.name}, at "
        f"{state.images_seen:,} images. {reasons}"
    )
