"""Memorisation: whether a generator only repeats scenes from training.

A world's splits divide the symbols of its scenes, and training contains only those of the train split. A generator that
generalises shows them as often as fresh scenes do; one that memorises shows hardly any others.
"""

from collections.abc import Sequence

from diptych.types import Scene
from diptych.world import HoldOut, relation_between, split_of


def in_training(scenes: Sequence[Scene], hold_out: HoldOut | None = None) -> list[bool | None]:
    """Whether each scene's symbols are in the train split; None for a scene that belongs to every split."""
    return [split_of(scene, hold_out) == "train" if _is_in_one_split(scene) else None for scene in scenes]


def _is_in_one_split(scene: Scene) -> bool:
    """Whether the scene has two objects in a clear relation, or more objects; a single one is in every split."""
    if len(scene.objects) != 2:
        return len(scene.objects) > 2
    first, second = scene.objects
    return relation_between(first, second) is not None
