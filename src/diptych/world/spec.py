"""The contents of a world: words for shapes, colours, sizes and relations, and the number of objects.

Lengths are in pixels. With these sizes and margins, any two objects fit beside or above each other on a canvas of 32
px, and any four on one of 64 px; radii grow with the canvas, gaps do not.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

SHAPES = ("circle", "square", "triangle", "star", "plus", "ring")
COLOURS = ("red", "green", "blue", "yellow", "magenta", "cyan", "black", "white")
SIZES = ("small", "large")
RELATIONS = ("above", "below", "left_of", "right_of")
INVERSE = {"above": "below", "below": "above", "left_of": "right_of", "right_of": "left_of"}

PALETTE = {
    "red": (1.0, -1.0, -1.0),
    "green": (-1.0, 1.0, -1.0),
    "blue": (-1.0, -1.0, 1.0),
    "yellow": (1.0, 1.0, -1.0),
    "magenta": (1.0, -1.0, 1.0),
    "cyan": (-1.0, 1.0, 1.0),
    "black": (-1.0, -1.0, -1.0),
    "white": (1.0, 1.0, 1.0),
}
"""The corners of the RGB cube in [-1, 1], all equally far from the mid-grey background 0."""

RADII_AT_32 = {"small": (4.0, 4.3), "large": (5.3, 5.7)}
"""Range of the area-equivalent radius on a canvas of 32 px; it scales with the canvas."""

SIZE_THRESHOLD_AT_32 = 4.8
"""Radius half-way between the largest small and the smallest large object on a canvas of 32 px."""

SMALLEST_SIDE = 32
SMALLEST_SIDE_OF_MANY = 64


@dataclass(frozen=True)
class WorldSpec:
    """A world: its words, the number of objects in a picture, and the side of the canvas in pixels.

    Words may be given as any sequence and are stored as tuples.
    """

    shapes: Sequence[str] = SHAPES
    colours: Sequence[str] = COLOURS
    sizes: Sequence[str] = SIZES
    relations: Sequence[str] = RELATIONS
    min_objects: int = 2
    max_objects: int = 2
    side: int = 32

    def __post_init__(self):
        for key, known in (("shapes", SHAPES), ("colours", COLOURS), ("sizes", SIZES), ("relations", RELATIONS)):
            object.__setattr__(self, key, _words(key, getattr(self, key), known))
        _check_counts(self)
        _check_relations(self)
        _check_side(self)

    def to_dict(self) -> dict[str, Any]:
        """Keyword arguments of an equal spec, in lists, strings and integers."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @property
    def counts(self) -> range:
        """The possible numbers of objects in a picture."""
        return range(self.min_objects, self.max_objects + 1)

    def radii(self, size: str) -> tuple[float, float]:
        """Smallest and largest area-equivalent radius of an object called `size` on this canvas."""
        low, high = RADII_AT_32[size]
        return low * self.side / 32, high * self.side / 32


def _words(key: str, words: Any, known: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(words)
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ValueError(f"world.{key} has the unknown word {unknown[0]!r}; the world knows {', '.join(known)}.")
    if not words or len(set(words)) < len(words):
        raise ValueError(f"world.{key} is {list(words)}; name at least one of {', '.join(known)}, each once.")
    return words


def _check_counts(spec: WorldSpec) -> None:
    if not 1 <= spec.min_objects <= spec.max_objects <= 4:
        raise ValueError(
            f"world.min_objects is {spec.min_objects} and world.max_objects {spec.max_objects}; "
            "choose 1 <= min_objects <= max_objects <= 4."
        )


def _check_relations(spec: WorldSpec) -> None:
    for relation in spec.relations:
        if INVERSE[relation] not in spec.relations:
            raise ValueError(
                f"world.relations has {relation!r} without its inverse; add {INVERSE[relation]!r}, "
                "because a sentence can describe every scene from either object."
            )
    if spec.max_objects > 2 and len(spec.relations) < len(RELATIONS):
        raise ValueError(
            f"world.relations is {list(spec.relations)}; pictures of three or four objects (world.max_objects "
            f"{spec.max_objects}) are laid out in both directions: name all of {', '.join(RELATIONS)}."
        )


def _check_side(spec: WorldSpec) -> None:
    if spec.side < SMALLEST_SIDE:
        raise ValueError(
            f"world.side is {spec.side}; shapes are not distinguishable below {SMALLEST_SIDE} px: set "
            f"world.side={SMALLEST_SIDE} or more."
        )
    if spec.max_objects > 2 and spec.side < SMALLEST_SIDE_OF_MANY:
        raise ValueError(
            f"world.max_objects is {spec.max_objects} on a canvas of {spec.side} px; more than two objects need "
            f"world.side={SMALLEST_SIDE_OF_MANY} or more."
        )
