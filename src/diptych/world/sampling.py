"""Sample scenes: first the content (kinds and, for two objects, their relation), then the positions.

Placement never fails and never retries. Two objects are spread along the axis of their relation. Three or four objects
lie on the points of a jittered 2 x 2 grid, neighbours in the order of the objects, and the jitter shrinks until every
pair of neighbours has a dominant axis (diagonal pairs may have none: no sentence mentions their relation). Only
`random()` and arithmetic are used, so that scenes are the same on every machine.
"""

from dataclasses import dataclass
from random import Random

from diptych.types import Scene, SceneObject
from diptych.world.choice import pick
from diptych.world.relations import CLEAR, relation_between
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.spec import WorldSpec

GAP = 2.0
"""Minimum distance between the bounding boxes of two objects, in pixels."""

MARGIN = 0.5
"""Minimum distance between a bounding box and the edge of the canvas, so that an object's soft edge stays inside."""

ROUNDING = 1e-9
"""Keeps a pair on the safe side of `CLEAR` despite rounding of its coordinates."""

GRID_CYCLE = ((0, 0), (1, 0), (1, 1), (0, 1))


@dataclass(frozen=True, slots=True)
class Kind:
    """An object without its position."""

    shape: str
    colour: str
    size: str


@dataclass(frozen=True, slots=True)
class SceneSketch:
    """A scene without coordinates; `relation` is that of the first of two objects to the second, else None."""

    kinds: tuple[Kind, ...]
    relation: str | None


@dataclass(frozen=True, slots=True)
class Box:
    """A kind with its radius and half its width and height."""

    kind: Kind
    radius: float
    half_width: float
    half_height: float

    def at(self, x: float, y: float) -> SceneObject:
        """The object with its centre at (x, y)."""
        return SceneObject(self.kind.shape, self.kind.colour, self.kind.size, x, y, self.radius)


def sample_scene(spec: WorldSpec, rng: Random) -> Scene:
    """A scene of the world, from any split."""
    return place(spec, draw_sketch(spec, pick(spec.counts, rng), rng), rng)


def draw_sketch(spec: WorldSpec, count: int, rng: Random) -> SceneSketch:
    """The content of a scene of `count` objects: independent and uniform over the words of the spec."""
    kinds = tuple(Kind(pick(spec.shapes, rng), pick(spec.colours, rng), pick(spec.sizes, rng)) for _ in range(count))
    return SceneSketch(kinds, pick(spec.relations, rng) if count == 2 else None)


def place(spec: WorldSpec, sketch: SceneSketch, rng: Random) -> Scene:
    """The sketch with radii and centres, with at least `GAP` between objects and `MARGIN` around them."""
    boxes = [_box(spec, kind, rng) for kind in sketch.kinds]
    if sketch.relation is not None:
        return Scene(spec.side, _place_pair(boxes, sketch.relation, spec.side, rng))
    if len(boxes) == 1:
        return Scene(spec.side, (_place_one(boxes[0], spec.side, rng),))
    return Scene(spec.side, _place_on_grid(boxes, spec.side, rng))


def _box(spec: WorldSpec, kind: Kind, rng: Random) -> Box:
    low, high = spec.radii(kind.size)
    radius = low + rng.random() * (high - low)
    width, height = HALF_EXTENTS[kind.shape]
    return Box(kind, radius, width * radius, height * radius)


def _place_one(box: Box, side: int, rng: Random) -> SceneObject:
    x = _between(MARGIN + box.half_width, side - MARGIN - box.half_width, rng)
    y = _between(MARGIN + box.half_height, side - MARGIN - box.half_height, rng)
    return box.at(x, y)


def _place_pair(boxes: list[Box], relation: str, side: int, rng: Random) -> tuple[SceneObject, ...]:
    upright = relation in ("above", "below")
    backwards = relation in ("below", "right_of")
    near, far = reversed(boxes) if backwards else boxes
    along, across = ("half_height", "half_width") if upright else ("half_width", "half_height")
    near_along, far_along = _spread(getattr(near, along), getattr(far, along), side, rng)
    near_across, far_across = _align(
        getattr(near, across), getattr(far, across), (far_along - near_along) / (CLEAR + ROUNDING), side, rng
    )
    if upright:
        placed = near.at(near_across, near_along), far.at(far_across, far_along)
    else:
        placed = near.at(near_along, near_across), far.at(far_along, far_across)
    return placed[::-1] if backwards else placed


def _spread(near_half: float, far_half: float, side: int, rng: Random) -> tuple[float, float]:
    """Centres of two intervals, one after the other; the free space is divided at random."""
    room = side - 2 * MARGIN - GAP - 2 * (near_half + far_half)
    before, between = sorted((rng.random() * room, rng.random() * room))
    near = MARGIN + before + near_half
    return near, near + near_half + GAP + (between - before) + far_half


def _align(near_half: float, far_half: float, most: float, side: int, rng: Random) -> tuple[float, float]:
    """Centres of two intervals side by side, at most `most` apart."""
    far_low, far_high = MARGIN + far_half, side - MARGIN - far_half
    near = _between(max(MARGIN + near_half, far_low - most), min(side - MARGIN - near_half, far_high + most), rng)
    return near, _between(max(far_low, near - most), min(far_high, near + most), rng)


def _place_on_grid(boxes: list[Box], side: int, rng: Random) -> tuple[SceneObject, ...]:
    turn = int(rng.random() * 4)
    step = 1 if rng.random() < 0.5 else -1
    cells = [GRID_CYCLE[(turn + step * i) % 4] for i in range(len(boxes))]
    columns = _bands(boxes, cells, 0, side, rng)
    rows = _bands(boxes, cells, 1, side, rng)
    jitter = [(2 * rng.random() - 1, 2 * rng.random() - 1) for _ in boxes]
    for strength in (1.0, 0.75, 0.5, 0.25, 0.0):
        placed = tuple(
            box.at(
                _in_band(columns[column], box.half_width, strength * across),
                _in_band(rows[row], box.half_height, strength * down),
            )
            for box, (column, row), (across, down) in zip(boxes, cells, jitter, strict=True)
        )
        if _neighbours_are_clear(placed, cells):
            return placed
    raise AssertionError("centres of a grid always have a dominant axis")


def _bands(
    boxes: list[Box], cells: list[tuple[int, int]], axis: int, side: int, rng: Random
) -> tuple[tuple[float, float], tuple[float, float]]:
    """The two columns (axis 0) or rows (axis 1) of the grid, each at least as wide as its widest object."""
    halves = [box.half_height if axis else box.half_width for box in boxes]
    need = [max((2 * h for h, cell in zip(halves, cells, strict=True) if cell[axis] == i), default=0.0) for i in (0, 1)]
    cut = _between(MARGIN + need[0], side - MARGIN - GAP - need[1], rng)
    return (MARGIN, cut), (cut + GAP, side - MARGIN)


def _in_band(band: tuple[float, float], half: float, offset: float) -> float:
    low, high = band
    return (low + high) / 2 + offset * ((high - low) / 2 - half)


def _neighbours_are_clear(placed: tuple[SceneObject, ...], cells: list[tuple[int, int]]) -> bool:
    for i, first in enumerate(placed):
        for j in range(i):
            same_column, same_row = cells[i][0] == cells[j][0], cells[i][1] == cells[j][1]
            if same_column != same_row:
                relation = relation_between(first, placed[j])
                if relation is None or (relation in ("above", "below")) != same_column:
                    return False
    return True


def _between(low: float, high: float, rng: Random) -> float:
    return low + rng.random() * (high - low)
