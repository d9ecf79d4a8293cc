"""Whether a changed picture still shows its scene: the same objects, whole, of the same sizes, in the same relations.

Then every sentence and label stays true, and the scene stays in its split and outside every hold-out, which relations
of objects decide.
"""

from itertools import combinations
from math import ceil, floor

from diptych.types import Scene, SceneObject
from diptych.world import relation_between
from diptych.world.perturbations import CROP_SHARE
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.spec import RADII_AT_32, SIZE_THRESHOLD_AT_32

MOST_SMALL_AT_32, LEAST_LARGE_AT_32 = (
    (edge + SIZE_THRESHOLD_AT_32) / 2 for edge in (RADII_AT_32["small"][1], RADII_AT_32["large"][0])
)
"""Half-way between the sizes' own radii and the border between them: blur and light widen an object's edges, too."""


def shows_the_same(before: Scene, after: Scene) -> bool:
    """Whether the changed scene says the same as the first one; objects keep their order."""
    whole = all(_is_whole(thing, after.side) and _has_its_size(thing, after.side) for thing in after.objects)
    return whole and _relations(before) == _relations(after)


def box_of(scene: Scene, side: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last corner (x, y) of a box around all objects, in whole pixels of a picture of this side."""
    edges = [_edges(thing) for thing in scene.objects]
    scale = side / scene.side
    lows, highs = (tuple(zip(*corners, strict=True)) for corners in zip(*edges, strict=True))
    first, last = (floor(min(values) * scale) for values in lows), (ceil(max(values) * scale) for values in highs)
    return (next(first), next(first)), (next(last), next(last))


def most_zoom(scene: Scene) -> float:
    """How much the scene may be enlarged so that its small objects are still called so."""
    small = [thing.radius * 32 / scene.side for thing in scene.objects if thing.size == "small"]
    return min([1 / CROP_SHARE, *(MOST_SMALL_AT_32 / radius for radius in small)])


def _relations(scene: Scene) -> list[str | None]:
    return [relation_between(first, second) for first, second in combinations(scene.objects, 2)]


def _is_whole(thing: SceneObject, side: int) -> bool:
    low, high = _edges(thing)
    return min(low) >= 0 and max(high) <= side


def _has_its_size(thing: SceneObject, side: int) -> bool:
    radius = thing.radius * 32 / side
    return radius <= MOST_SMALL_AT_32 if thing.size == "small" else radius >= LEAST_LARGE_AT_32


def _edges(thing: SceneObject) -> tuple[tuple[float, float], tuple[float, float]]:
    """The corners of the object's bounding box."""
    width, height = (half * thing.radius for half in HALF_EXTENTS[thing.shape])
    return (thing.x - width, thing.y - height), (thing.x + width, thing.y + height)
