"""What to say of a scene: everything, or a random part. How it is said is the grammar's affair."""

from collections import Counter
from collections.abc import Sequence
from random import Random

from diptych.types import Scene, SceneObject
from diptych.world.choice import shuffled
from diptych.world.constraints import Constraints, Mention, Relation
from diptych.world.relations import relation_between

KEEP_ATTRIBUTE_PROB = 0.6


def describe_fully(scene: Scene, rng: Random) -> Constraints:
    """All that can be said: a row of all objects with their relations, or a list where there is no such row."""
    return describe_chain(scene, rng) or describe_list(scene, rng)


def describe_chain(scene: Scene, rng: Random, partly: bool = False) -> Constraints | None:
    """Objects in a row, each with its relation to the next; None where the scene has no such row.

    All objects with all attributes; `partly` instead two objects, with some attributes left out.
    """
    path = _clear_path(scene.objects, 2 if partly else len(scene.objects), rng)
    if path is None:
        return None
    mentions = tuple(_mention(thing, rng, partly) for thing in path)
    names = [relation_between(path[i], path[i + 1]) for i in range(len(path) - 1)]
    return Constraints(mentions, tuple(Relation(i, name, i + 1) for i, name in enumerate(names) if name))


def describe_list(scene: Scene, rng: Random, partly: bool = False) -> Constraints:
    """Objects side by side, equal ones counted; `partly` only some of them, with some attributes left out."""
    things = shuffled(scene.objects, rng)
    if partly:
        things = things[: 1 + int(rng.random() * len(things))]
    counts = Counter(_mention(thing, rng, partly) for thing in things)
    return Constraints(tuple(_counted(mention, count, scene) for mention, count in counts.items()))


def _counted(mention: Mention, count: int, scene: Scene) -> Mention:
    """The mention for `count` objects, or for one of them where the scene has more such objects than that."""
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
    """A random row of `length` different objects in which neighbours have a clear relation."""
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
