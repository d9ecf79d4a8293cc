"""Pointing (Zhang et al. 2018, arXiv:1608.00507): whether a captioner looks at the object of a word.

A word hits if the middle of the region with most attention lies inside the bounding box of the object that it is said
of. Only true words count: a false one names nothing that is there. Of several regions with equally much attention each
counts in part, so that a map that looks everywhere alike is exactly as good as chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.evaluation.pooled import pooled
from diptych.evaluation.results import Figure
from diptych.systems.captioning.captions import Caption
from diptych.types import Scene, SceneObject
from diptych.world.constraints import ATTRIBUTES
from diptych.world.said import Said
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.wording import Wording

KEY, CENTRE_KEY, CENTRE_NAME = "pointing_accuracy", "pointing_centre", "pointing, centre of the image"
NO_ATTENTION = "the decoder has no attention over regions"
NOTE = (
    "Pointing: the region with most attention, at a word that says shape, colour or size of an object, lies inside its "
    "bounding box. Chance: a region drawn without looking. Reference: whether any region's middle lies inside."
)

Map = Float[Tensor, "rows columns"]
Box = tuple[float, float, float, float]


class Point(NamedTuple):
    """Of a word of this kind: whether the attention, any region, the best region and the picture's centre hit."""

    kind: str
    hit: float
    chance: float
    reachable: float
    centre: float


@dataclass(frozen=True)
class Pointing:
    """The words of captions and where the captioner looked at each."""

    points: Sequence[Sequence[Point]]
    contents: Sequence[str]

    def figures(self) -> list[Figure]:
        """All words, each kind of word, and the centre of the picture as a pointer."""
        kinds = {KEY: ("pointing accuracy", ATTRIBUTES)}
        kinds |= {f"pointing_{kind}": (f"pointing, {kind}", (kind,)) for kind in ATTRIBUTES}
        lines = [self._line(key, name, "hit", of) for key, (name, of) in kinds.items()]
        return [*lines, self._line(CENTRE_KEY, CENTRE_NAME, "centre", ATTRIBUTES)]

    def _line(self, key: str, name: str, score: str, kinds: Sequence[str]) -> Figure:
        columns = {
            column: [[getattr(point, column) for point in _of_kinds(own, kinds)] for own in self.points]
            for column in (score, "chance", "reachable")
        }
        ends = {"chance": columns["chance"], "reference": columns["reachable"]}
        return pooled(key, columns[score], self.contents, name=name, **ends)


def _of_kinds(points: Sequence[Point], kinds: Sequence[str]) -> list[Point]:
    return [point for point in points if point.kind in kinds]


def points_of(caption: Caption, wording: Wording, said: Sequence[Said], scene: Scene) -> list[Point]:
    """One for each true word of the caption that says an attribute; a word of several tokens has their mean map."""
    assert caption.attention is not None
    tokens = _tokens_at(caption.words, wording.text)
    points = []
    for one in said:
        if not (one.is_true and one.place.is_attribute):
            continue
        at = [i for i, (start, end) in tokens.items() if start < one.place.end and end > one.place.start]
        if at:
            boxes = [_box(thing) for thing in one.things if thing is not None]
            points.append(_point(one.place.kind, caption.attention[at].mean(dim=0), boxes, scene.side))
    return points


def _tokens_at(words: Sequence[str], text: str) -> dict[int, tuple[int, int]]:
    """Where each token stands in the text; tokens that are not in it, one after the other, are left out."""
    places, start = {}, 0
    for i, word in enumerate(words):
        bare = word.strip().lower()
        found = text.find(bare, start) if bare else -1
        if found >= 0:
            start = found + len(bare)
            places[i] = (found, start)
    return places


def _point(kind: str, attention: Map, boxes: Sequence[Box], side: int) -> Point:
    inside = _inside(attention.shape, boxes, side)
    best = attention == attention.max()
    middle = any(left <= side / 2 <= right and top <= side / 2 <= bottom for left, top, right, bottom in boxes)
    hit = float((best & inside).sum() / best.sum())
    return Point(kind, hit, float(inside.double().mean()), float(inside.any()), float(middle))


def _inside(shape: Sequence[int], boxes: Sequence[Box], side: int) -> Bool[Tensor, "rows columns"]:
    """Which regions of a grid over the picture have their middle in one of the boxes."""
    rows, columns = shape
    y = (torch.arange(rows) + 0.5) * side / rows
    x = (torch.arange(columns) + 0.5) * side / columns
    inside = torch.zeros(rows, columns, dtype=torch.bool)
    for left, top, right, bottom in boxes:
        inside |= ((top <= y) & (y <= bottom))[:, None] & ((left <= x) & (x <= right))
    return inside


def _box(thing: SceneObject) -> Box:
    wide, high = (half * thing.radius for half in HALF_EXTENTS[thing.shape])
    return thing.x - wide, thing.y - high, thing.x + wide, thing.y + high
