"""Minimal pairs: the same scene with one change that makes the first one's description false."""

from dataclasses import replace
from random import Random

from diptych.types import Scene, SceneObject
from diptych.world.choice import pick
from diptych.world.relations import relation_between
from diptych.world.spec import COLOURS, SHAPES, SIZES, WorldSpec

ASPECTS_CHANGED = ("shape", "colour", "size", "relation", "count")
WORDS = {"shape": SHAPES, "colour": COLOURS, "size": SIZES}


def changed(spec: WorldSpec, scene: Scene, aspect: str, rng: Random) -> Scene | None:
    """The scene with one object's shape, colour or size changed, two objects exchanged, or one object removed.

    None if no such change makes the complete description false.
    """
    if aspect == "count":
        return replace(scene, objects=scene.objects[:-1]) if len(scene.objects) > 1 else None
    if aspect == "relation":
        return _exchanged(scene)
    place = int(rng.random() * len(scene.objects))
    things = list(scene.objects)
    things[place] = _altered(spec, things[place], aspect, rng)
    return replace(scene, objects=tuple(things))


def _altered(spec: WorldSpec, thing: SceneObject, aspect: str, rng: Random) -> SceneObject:
    value = pick([word for word in WORDS[aspect] if word != getattr(thing, aspect)], rng)
    radius = thing.radius
    if aspect == "size":
        low, high = spec.radii(value)
        radius = low + rng.random() * (high - low)
    return replace(thing, **{aspect: value}, radius=radius)


def _exchanged(scene: Scene) -> Scene | None:
    """Exchange the first two different objects, if a sentence describes their relation."""
    if len(scene.objects) != 2 or relation_between(*scene.objects) is None:
        return None
    first, second = scene.objects
    if (first.shape, first.colour, first.size) == (second.shape, second.colour, second.size):
        return None
    return replace(scene, objects=(replace(first, x=second.x, y=second.y), replace(second, x=first.x, y=first.y)))
