"""The labels of a scene for a classifier: its kinds of objects (size, colour, shape) and their number."""

from collections.abc import Sequence
from itertools import product

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.types import Scene
from diptych.world import WorldSpec


def scene_labels(world: WorldSpec) -> tuple[str, ...]:
    """All labels of the world's scenes; without the number of objects if it is always the same."""
    kinds = product(world.sizes, world.colours, world.shapes)
    numbers = [_number(n) for n in world.counts] if len(world.counts) > 1 else []
    return (*map(" ".join, kinds), *numbers)


def labels_of(scene: Scene, world: WorldSpec) -> tuple[str, ...]:
    """The labels of this scene."""
    kinds = {f"{thing.size} {thing.colour} {thing.shape}" for thing in scene.objects}
    number = [_number(len(scene.objects))] if len(world.counts) > 1 else []
    return (*sorted(kinds), *number)


def as_matrix(held: Sequence[Sequence[str]], labels: Sequence[str]) -> Bool[Tensor, "examples labels"]:
    """Element (i, j) is true if example i has label j."""
    places = {label: place for place, label in enumerate(labels)}
    matrix = torch.zeros(len(held), len(labels), dtype=torch.bool)
    matrix[[i for i, names in enumerate(held) for _ in names], [places[n] for names in held for n in names]] = True
    return matrix


def _number(count: int) -> str:
    return f"{count} object" if count == 1 else f"{count} objects"
