"""What a run goes on from: the newest of its checkpoints that can be read, while damaged ones are set aside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diptych.config import Config
from diptych.config.errors import UserError
from diptych.runs.checkpoints import candidates, damage, read_checkpoint
from diptych.runs.folder.layout import RunFolder

TORN_SUFFIX = ".torn"


class CheckpointState(NamedTuple):
    """A checkpoint to go on from, how the run stood, and what is wrong with those that are damaged, by path.

    `has_ended` where nothing was left to train; `best` is the monitored figure's best so far, where there is one, and
    `best_images` when that was reached.
    """

    path: Path
    config: Config
    images_seen: int
    has_ended: bool
    best: float | None
    best_images: int
    damaged: Mapping[Path, str]


def newest_checkpoint(run: RunFolder) -> CheckpointState:
    """The newest checkpoint that can be read; `UserError` if there is none."""
    paths, damaged = candidates(run), {}
    for number, path in enumerate(paths, start=1):
        try:
            content = read_checkpoint(path)
        except UserError as error:
            damaged[path] = str(error)
        else:
            rest = {other: damage(other) for other in paths[number:]}
            damaged |= {other: reason for other, reason in rest.items() if reason}
            return _saved(path, content, damaged)
    raise UserError("\n".join(damaged.values()) or f"there is no checkpoint in {run.checkpoints} yet: begin anew")


def _saved(path: Path, content: Mapping[str, Any], damaged: Mapping[Path, str]) -> CheckpointState:
    best = {"value": None, "images": 0} | content["callbacks"].get("Checkpoints", {})
    return CheckpointState(
        path,
        config=content["config"],
        images_seen=content["images_seen"],
        has_ended=content.get("ended", False),
        best=best["value"],
        best_images=best["images"],
        damaged=damaged,
    )


def set_aside(saved: CheckpointState) -> str:
    """Rename what is damaged, so that nobody takes it for sound or puts it in a sound one's place; says so in words."""
    for path in saved.damaged:
        path.replace(path.with_name(path.name + TORN_SUFFIX))
    names = " and ".join(path.name for path in saved.damaged)
    reasons = "; ".join(saved.damaged.values())
    return (
        f"set aside as damaged: {names} (now *{TORN_SUFFIX}). Going on from {saved.path.name}, at "
        f"{saved.images_seen:,} images. {reasons}"
    )
