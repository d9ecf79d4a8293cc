"""What a run goes on from: the newest of its checkpoints that can be read, while damaged ones are set aside."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from diptych.config.errors import UserError
from diptych.runs.build import read_checkpoint
from diptych.runs.folder import RunFolder
from diptych.runs.integrity import candidates, damage

TORN_SUFFIX = ".torn"


class Saved(NamedTuple):
    """A checkpoint to go on from, its content, and what is wrong with those that are damaged, by path."""

    path: Path
    content: dict[str, Any]
    damaged: Mapping[Path, str]

    @property
    def images_seen(self) -> int:
        return self.content["images_seen"]

    @property
    def best(self) -> float | None:
        """The monitored figure's best so far, where there is one."""
        return self.content["callbacks"].get("Checkpoints", {}).get("value")


def newest_saved(run: RunFolder) -> Saved:
    """The newest checkpoint that can be read; `UserError` if there is none."""
    paths, damaged = candidates(run), {}
    for number, path in enumerate(paths, start=1):
        try:
            content = read_checkpoint(path)
        except UserError as error:
            damaged[path] = str(error)
        else:
            rest = {other: damage(other) for other in paths[number:]}
            return Saved(path, content, damaged | {other: reason for other, reason in rest.items() if reason})
    raise UserError("\n".join(damaged.values()) or f"there is no checkpoint in {run.checkpoints} yet: begin anew")


def set_aside(saved: Saved) -> str:
    """Rename what is damaged, so that nobody takes it for sound or puts it in a sound one's place; says so in words."""
    for path in saved.damaged:
        path.replace(path.with_name(path.name + TORN_SUFFIX))
    names = " and ".join(path.name for path in saved.damaged)
    reasons = "; ".join(saved.damaged.values())
    return (
        f"set aside as damaged: {names} (now *{TORN_SUFFIX}). Going on from {saved.path.name}, at "
        f"{saved.images_seen:,} images. {reasons}"
    )
