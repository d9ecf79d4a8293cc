"""A system as it was trained, from its checkpoint alone.

Parts that a loss needs are left out; parts with `scope: generation` lie in the checkpoint and are restored with it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from diptych.config import Config
from diptych.config.components import Trust
from diptych.runs.build import build_system
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.choice import check_components
from diptych.systems.base import System
from diptych.types import DataSpec

PARTS = "parts"
"""The key of a checkpoint under which the parts that generation needs are kept, by name."""
BLUEPRINTS = "blueprints"
"""The key under which the blueprints of networks are kept, by role."""
NOT_KEPT = ("optimizer_states", "lr_schedulers", "callbacks", "loops", "random_states")
"""What a part leaves behind: it never trains again."""


def restore_system(path: Path, trust: Trust = (), parts: Mapping[str, Any] | None = None) -> System:
    """The system that a checkpoint holds, on the CPU and in eval mode; `parts` stand in for its own."""
    return restored(read_checkpoint(path), trust, parts)


def restored(checkpoint: Mapping[str, Any], trust: Trust = (), parts: Mapping[str, Any] | None = None) -> System:
    """The system of a checkpoint that has been read."""
    config: Config = checkpoint["config"]
    check_components(config, trust)
    own = {name: _frozen(restored(part, trust)) for name, part in checkpoint.get(PARTS, {}).items()}
    with torch.random.fork_rng(devices=()):
        spec, blueprints = DataSpec.from_dict(checkpoint["data_spec"]), checkpoint.get(BLUEPRINTS, {})
        system = build_system(config, spec, own | dict(parts or {}), trust, blueprints)
    system.load_state_dict(checkpoint["state_dict"])
    system.on_load_checkpoint(dict(checkpoint))
    return system.eval()


def restorable(config: Config, spec: DataSpec, parts: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint needs besides weights and states, so that `restored` can do without anything else."""
    kept = {PARTS: dict(parts)} if parts else {}
    return {"config": dict(config), "data_spec": spec.to_dict(), **kept}


def as_part(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """What another run's checkpoint keeps of this one, so that it can be restored there."""
    return {key: value for key, value in checkpoint.items() if key not in NOT_KEPT}


def _frozen(system: System) -> System:
    return system.requires_grad_(False)
