"""The skills of the benchmark, and the contents of each skill.

The first six are GenEval's (Ghosh et al. 2023, arXiv:2310.11513) with its tags: the objects of a prompt have different
shapes, and different colours if colours are named. `size`, `three_object` and `color_position` (a red circle above a
blue square: colours and position at once) are ours. A content is the claim of all prompts of one stratum; "A above B"
and "B below A" are the same content.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, permutations, product
from random import Random

from diptych.types import Scene
from diptych.world.choice import pick
from diptych.world.constraints import Constraints, Mention, Relation
from diptych.world.holdouts import HoldOut
from diptych.world.sampling import Kind, SceneSketch, place
from diptych.world.spec import WorldSpec

GENEVAL = ("single_object", "two_object", "counting", "colors", "position", "color_attr")
"""GenEval's overall score is the mean over these skills."""

MOST_DRAWS = 1_000
DRAWS_TO_FIND_A_KEPT_SCENE = 16


def skills_of(spec: WorldSpec) -> tuple[str, ...]:
    """The tags of the skills with at least two contents in the world; one content alone could not be wrong."""
    return tuple(tag for tag in _CONTENTS if len(contents_of(tag, spec)) > 1)


def contents_of(tag: str, spec: WorldSpec) -> tuple[Constraints, ...]:
    """Every content of the skill that fits into a picture of the world."""
    return tuple(content for content in _CONTENTS[tag](spec) if content.num_objects <= spec.max_objects)


def scene_showing(content: Constraints, spec: WorldSpec, rng: Random, hold_out: HoldOut | None = None) -> Scene:
    """A scene of the world that shows the content and no further objects.

    The world's distribution fills what the content leaves open. A hold-out excludes its scenes.
    """
    for _ in range(MOST_DRAWS):
        scene = _drawn(content, spec, rng)
        if content.entailed_by(scene) and not (hold_out and hold_out.holds(scene)):
            return scene
    raise ValueError(f"skills: found no scene that shows {content} in {MOST_DRAWS} attempts; allow more in data.world.")


def is_held(content: Constraints, spec: WorldSpec, hold_out: HoldOut) -> bool:
    """Whether the hold-out holds every scene that shows the content, as far as a few draws show."""
    number, rng = fewest_objects(content, spec), Random(0)
    if number not in hold_out.kept_counts or number not in hold_out.held_counts:
        return number not in hold_out.kept_counts
    scenes = (scene_showing(content, spec, rng) for _ in range(DRAWS_TO_FIND_A_KEPT_SCENE))
    return all(hold_out.holds(scene) for scene in scenes)


def fewest_objects(claims: Constraints, spec: WorldSpec) -> int:
    """The number of objects that a picture of the world needs for these claims."""
    return max(claims.num_objects, spec.min_objects)


def _drawn(content: Constraints, spec: WorldSpec, rng: Random) -> Scene:
    """A scene with the mentioned objects in order, then others; two objects have the content's relation, if any."""
    mentions = [mention for mention in content.mentions for _ in range(mention.number)]
    mentions += [Mention()] * (fewest_objects(content, spec) - len(mentions))
    kinds = tuple(_kind(mention, spec, rng) for mention in mentions)
    if len(kinds) != 2:
        return place(spec, SceneSketch(kinds, None), rng)
    relation = content.relations[0].name if content.relations else pick(spec.relations, rng)
    return place(spec, SceneSketch(kinds, relation), rng)


def _kind(mention: Mention, spec: WorldSpec, rng: Random) -> Kind:
    return Kind(
        mention.shape or pick(spec.shapes, rng),
        mention.colour or pick(spec.colours, rng),
        mention.size or pick(spec.sizes, rng),
    )


def _single_object(spec: WorldSpec) -> Iterator[Constraints]:
    return (Constraints((Mention(shape),)) for shape in spec.shapes)


def _two_object(spec: WorldSpec) -> Iterator[Constraints]:
    return (_objects(shapes) for shapes in combinations(spec.shapes, 2))


def _three_object(spec: WorldSpec) -> Iterator[Constraints]:
    return (_objects(shapes) for shapes in combinations(spec.shapes, 3))


def _counting(spec: WorldSpec) -> Iterator[Constraints]:
    numbers = range(2, spec.max_objects + 1)
    return (Constraints((Mention(shape, number=n),)) for shape, n in product(spec.shapes, numbers))


def _colors(spec: WorldSpec) -> Iterator[Constraints]:
    return (Constraints((Mention(shape, colour),)) for shape, colour in product(spec.shapes, spec.colours))


def _size(spec: WorldSpec) -> Iterator[Constraints]:
    return (Constraints((Mention(shape, size=size),)) for shape, size in product(spec.shapes, spec.sizes))


def _position(spec: WorldSpec) -> Iterator[Constraints]:
    return _related(_two_object(spec), spec)


def _color_attr(spec: WorldSpec) -> Iterator[Constraints]:
    pairs = product(combinations(spec.shapes, 2), permutations(spec.colours, 2))
    return (_objects(shapes, colours) for shapes, colours in pairs)


def _color_position(spec: WorldSpec) -> Iterator[Constraints]:
    return _related(_color_attr(spec), spec)


def _objects(shapes: Iterable[str], colours: Iterable[str] | None = None) -> Constraints:
    if colours is None:
        return Constraints(tuple(Mention(shape) for shape in shapes))
    return Constraints(tuple(Mention(shape, colour) for shape, colour in zip(shapes, colours, strict=True)))


def _related(pairs: Iterable[Constraints], spec: WorldSpec) -> Iterator[Constraints]:
    for pair, name in product(pairs, spec.relations):
        yield Constraints(pair.mentions, (Relation(0, name, 1),))


_CONTENTS: dict[str, Callable[[WorldSpec], Iterator[Constraints]]] = {
    "single_object": _single_object,
    "two_object": _two_object,
    "counting": _counting,
    "colors": _colors,
    "position": _position,
    "color_attr": _color_attr,
    "size": _size,
    "three_object": _three_object,
    "color_position": _color_position,
}
SKILLS = tuple(_CONTENTS)
