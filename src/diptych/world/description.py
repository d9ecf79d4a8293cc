"""Choose the content of a scene's description: everything or a random part; the grammar chooses the words."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from diptych.types import Scene, SceneObject
from diptych.world.choice import shuffled
from diptych.world.constraints import Constraints, Mention, Relation
from diptych.world.relations import relation_between

KEEP_ATTRIBUTE_PROB = 0.6


def describe_fully(scene: Scene, rng: Random) -> Constraints:
    """A complete description: a chain of all objects with their relations, or a list if there is no chain."""
    return describe_chain(scene, rng) or describe_list(scene, rng)


def describe_chain(scene: Scene, rng: Random, partly: bool = False) -> Constraints | None:
    """A chain of objects, each with its relation to the next; None if the scene has no chain.

    It has all objects with all attributes; with `partly`, two objects with some attributes left out.
    """
    path = _clear_path(scene.objects, 2 if partly else len(scene.objects), rng)
    if path is None:
        return None
    mentions = tuple(_mention(thing, rng, partly) for thing in path)
    names = [relation_between(path[i], path[i + 1]) for i in range(len(path) - 1)]
    return Constraints(mentions, tuple(Relation(i, name, i + 1) for i, name in enumerate(names) if name))


def describe_list(scene: Scene, rng: Random, partly: bool = False) -> Constraints:
    """A list of objects, with equal ones counted; with `partly`, only some objects and attributes."""
    things = shuffled(scene.objects, rng)
    if partly:
        things = things[: 1 + int(rng.random() * len(things))]
    counts = Counter(_mention(thing, rng, partly) for thing in things)
    return Constraints(tuple(_counted(mention, count, scene) for mention, count in counts.items()))


def _counted(mention: Mention, count: int, scene: Scene) -> Mention:
    """The mention for `count` objects, or for one of them if the scene has more such objects."""
    number = count if count == 1 or count == sum(map(mention.fits, scene.objects)) else 1
    return Mention(mention.shape, mention.colour, mention.size, number)


def _mention(thing: SceneObject, rng: Random, partly: bool) -> Mention:
    if not partly:
        return Mention(thing.shape, thing.colour, thing.size)
    keep = [rng.random() < KEEP_ATTRIBUTE_PROB for _ in range(3)]
    if not any(keep):
        keep[int(rng.random() * 3)] = True
    values = (thing.shape, thing.colour, thing.size)
    shape, colour, size = (value if kept else None for value, kept in zip(values, keep, strict=True))
    return Mention(shape, colour, size)


def _clear_path(things: Sequence[SceneObject], length: int, rng: Random) -> list[SceneObject] | None:
    """A random chain of `length` different objects whose neighbours have a clear relation."""
    if length < 2 or length > len(things):
        return None
    stack = [[thing] for thing in shuffled(things, rng)]
    while stack:
        path = stack.pop()
        if len(path) == length:
            return path
        free = [thing for thing in things if all(thing is not used for used in path)]
        stack += [[*path, t] for t in shuffled(free, rng) if relation_between(path[-1], t)]
    return None
