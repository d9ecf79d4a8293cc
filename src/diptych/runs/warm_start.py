"""Start from another run's weights: of all networks, or of those that are named. Optimisers and counts start afresh."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor

from diptych.config.errors import UserError
from diptych.runs.checkpoints import read_checkpoint
from diptych.systems.base import System

Weights = Mapping[str, Tensor]
AVERAGE = "_average"
"""The end of the name of a network's averaged weights, which go with the network."""
MOST_NAMED = 3
log = logging.getLogger(__name__)


def warm_start(system: System, checkpoint: Path, parts: Sequence[str] = ()) -> None:
    """Load the checkpoint's weights; of `parts` alone (networks, or beginnings of weights' names), if there are any."""
    theirs: Weights = read_checkpoint(checkpoint)["state_dict"]
    if parts:
        _load_parts(system, theirs, checkpoint, parts)
    else:
        _load_all(system, theirs, checkpoint)
    system.is_warm = True


def _load_parts(system: System, theirs: Weights, checkpoint: Path, parts: Sequence[str]) -> None:
    own: Weights = system.state_dict()
    taken = {name: weight for part in parts for name, weight in _weights_of(part, own, theirs).items()}
    system.load_state_dict(taken, strict=False)
    left_out = [name for name in _networks(own) if not any(_is_of(key, name) for key in taken)]
    log.info(
        "init_from: %d of %d weights taken from %s (%s); left out: %s",
        len(taken),
        len(own),
        checkpoint,
        ", ".join(parts),
        ", ".join(left_out) or "no network",
    )


def _load_all(system: System, theirs: Weights, checkpoint: Path) -> None:
    own: Weights = system.state_dict()
    try:
        system.load_state_dict(theirs)
    except RuntimeError as error:
        fitting = [name for name in _networks(own) if not _misfits(name, own, theirs)]
        way_on = f"\nTo take what fits, add init_parts=[{','.join(fitting)}]" if fitting else ""
        raise UserError(f"init_from: {checkpoint} holds other networks than this run. {error}{way_on}") from None
    log.info("weights taken from %s", checkpoint)


def _weights_of(part: str, own: Weights, theirs: Weights) -> dict[str, Tensor]:
    """The other run's weights of one part, by their names here, and those of its average."""
    names = [name for name in own if _is_of(name, part)]
    if not names:
        raise UserError(f"init_parts: this run has no {part}; it has {', '.join(_networks(own))}")
    if misfits := _misfits(part, own, theirs):
        more = ", …" if len(misfits) > MOST_NAMED else ""
        raise UserError(f"init_parts: {part} does not fit: {'; '.join(misfits[:MOST_NAMED])}{more}")
    network, _, rest = part.partition(".")
    average = re.compile(rf"{re.escape(network + AVERAGE)}\.(?:network|copies\.\d+)\.")
    averages = {name: average.sub(f"{network}.", name) for name in own if average.match(name)}
    of_part = {name: raw for name, raw in averages.items() if not rest or _is_of(raw, part)}
    return {name: theirs[name] for name in names} | {
        name: theirs[name if name in theirs else raw] for name, raw in of_part.items()
    }


def _misfits(part: str, own: Weights, theirs: Weights) -> list[str]:
    """Every weight of a part that the other run lacks or has in another shape, in words."""
    said = []
    for name in (name for name in own if _is_of(name, part)):
        if name not in theirs:
            said.append(f"{name} is not there")
        elif theirs[name].shape != own[name].shape:
            said.append(f"{name} is {list(theirs[name].shape)} there and {list(own[name].shape)} here")
    return said


def _networks(weights: Weights) -> list[str]:
    """The networks of a system, without their averages."""
    names = dict.fromkeys(name.partition(".")[0] for name in weights)
    return [name for name in names if not name.endswith(AVERAGE)]


def _is_of(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")
