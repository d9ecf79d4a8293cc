"""Named hold-outs: scenes or phrasings that only the test split contains.

Training still sees each value (every colour, shape, relation, word); only the combination is new.
"""

from typing import Protocol, runtime_checkable

from diptych.types import Scene
from diptych.world.relations import relation_between
from diptych.world.spec import WorldSpec

NAMES = ("pairs", "relation_order", "count", "phrasing")


@runtime_checkable
class HoldOut(Protocol):
    """A set of scenes reserved for the test split; `holds_scenes` is False if phrasings are held out instead.

    `held_counts` and `kept_counts` are the possible numbers of objects of held-out and other scenes.
    """

    holds_scenes: bool
    held_counts: range
    kept_counts: range

    def holds(self, scene: Scene) -> bool:
        """Whether the scene is held out."""
        ...


class HeldOutPairs:
    """Scenes with a colour-shape pair on the diagonal of the spec's tables: each colour misses one shape."""

    holds_scenes = True

    def __init__(self, spec: WorldSpec) -> None:
        if min(len(spec.colours), len(spec.shapes)) < 2:
            raise ValueError("hold_out=pairs needs at least two world.colours and two world.shapes.")
        self.held_counts = self.kept_counts = spec.counts
        self.pairs = frozenset((colour, spec.shapes[i % len(spec.shapes)]) for i, colour in enumerate(spec.colours))

    def holds(self, scene: Scene) -> bool:
        return any((thing.colour, thing.shape) in self.pairs for thing in scene.objects)


class HeldOutRelationOrder:
    """Scenes with an object of the spec's first colour below or to the right of one of another colour.

    Training has that colour only above and to the left of others.
    """

    holds_scenes = True

    def __init__(self, spec: WorldSpec) -> None:
        if len(spec.colours) < 2 or spec.max_objects < 2:
            raise ValueError("hold_out=relation_order needs two world.colours and world.max_objects of 2 or more.")
        self.held_counts, self.kept_counts = range(max(2, spec.min_objects), spec.max_objects + 1), spec.counts
        self.colour = spec.colours[0]

    def holds(self, scene: Scene) -> bool:
        marked = [thing for thing in scene.objects if thing.colour == self.colour]
        others = [thing for thing in scene.objects if thing.colour != self.colour]
        return any(relation_between(a, b) in ("below", "right_of") for a in marked for b in others)


class HeldOutCount:
    """Scenes with the spec's largest number of objects."""

    holds_scenes = True

    def __init__(self, spec: WorldSpec) -> None:
        most = spec.max_objects
        if spec.min_objects == most:
            raise ValueError(
                f"hold_out=count needs pictures of different counts; world.min_objects and max_objects are both {most}."
            )
        self.held_counts, self.kept_counts = range(most, most + 1), range(spec.min_objects, most)

    def holds(self, scene: Scene) -> bool:
        return len(scene.objects) in self.held_counts


class HeldOutPhrasing:
    """Phrasings instead of scenes: the language file marks those that only the test split uses."""

    holds_scenes = False

    def __init__(self, spec: WorldSpec) -> None:
        self.held_counts = self.kept_counts = spec.counts

    def holds(self, scene: Scene) -> bool:
        return False


def hold_out_named(name: str, spec: WorldSpec) -> HoldOut:
    """The hold-out `pairs`, `relation_order`, `count` or `phrasing` for this world."""
    classes = (HeldOutPairs, HeldOutRelationOrder, HeldOutCount, HeldOutPhrasing)
    known = dict(zip(NAMES, classes, strict=True))
    if name not in known:
        raise ValueError(f"hold_out: there is no {name!r}; choose one of {', '.join(NAMES)}.")
    return known[name](spec)
