"""From the labels of a scene to the scene they speak of, and to a sentence about it, by rules alone.

The labels are a classifier's: kinds of objects ("small red circle") and their number. Where each kind was seen says how
objects lie to each other. Of two objects the clearer axis decides, so that there is always a relation to say.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from random import Random
from typing import Any

from diptych.types import Scene, SceneObject
from diptych.world import Grammar, WorldSpec

PRESENT = 0.5
"""A kind is in the picture from this probability on; the likeliest one always is."""

Place = tuple[float, float]
"""x and y, as shares of the picture's side."""


class SceneSentences:
    """Estimated scenes and sentences of one world in one of its languages."""

    def __init__(self, world: Mapping[str, Any], language: str) -> None:
        self.world, self.grammar = WorldSpec(**world), Grammar(language)
        self.kinds = tuple(product(self.world.sizes, self.world.colours, self.world.shapes))

    def scene(self, probs: Mapping[str, float], places: Mapping[str, Place], spreads: Mapping[str, Place]) -> Scene:
        """The scene that the labels speak of.

        `probs` are those of every label, `places` say where each kind was seen, `spreads` how widely (standard
        deviations): two objects of one kind lie apart along the axis where that is larger.
        """
        said = {(size, colour, shape): f"{size} {colour} {shape}" for size, colour, shape in self.kinds}
        number = self._number(probs)
        ranked = sorted(self.kinds, key=lambda kind: -probs[said[kind]])
        kinds = [kind for kind in ranked[:number] if probs[said[kind]] > PRESENT] or ranked[:1]
        copies = [1 + (number - len(kinds) if place == 0 else 0) for place in range(len(kinds))]
        objects = [
            self._object(kind, where)
            for kind, times in zip(kinds, copies, strict=True)
            for where in _apart(places[said[kind]], spreads[said[kind]], times)
        ]
        return Scene(self.world.side, tuple(self._cleared(objects)))

    def sentence(self, scene: Scene, rng: Random) -> str:
        """A complete sentence about the scene, in a phrasing that `rng` chooses."""
        return self.grammar.describe(scene, rng)

    def _number(self, probs: Mapping[str, float]) -> int:
        counts = self.world.counts
        if len(counts) == 1:
            return counts[0]
        return max(counts, key=lambda count: probs[f"{count} object" if count == 1 else f"{count} objects"])

    def _object(self, kind: tuple[str, str, str], where: Place) -> SceneObject:
        size, colour, shape = kind
        x, y = (self.world.side * share for share in where)
        return SceneObject(shape, colour, size, x, y, sum(self.world.radii(size)) / 2)

    def _cleared(self, objects: Sequence[SceneObject]) -> Sequence[SceneObject]:
        """Two objects exactly beside or above each other, on the axis where they are further apart and can be said."""
        if len(objects) != 2:
            return objects
        first, second = objects
        sideways = abs(second.x - first.x) >= abs(second.y - first.y)
        if "left_of" not in self.world.relations or "above" not in self.world.relations:
            sideways = "left_of" in self.world.relations
        x, y = (second.x, first.y) if sideways else (first.x, second.y)
        if (x, y) == (first.x, first.y):
            x, y = (x + 1, y) if sideways else (x, y + 1)
        return [first, SceneObject(second.shape, second.colour, second.size, x, y, second.radius)]


def _apart(place: Place, spread: Place, times: int) -> list[Place]:
    """So many places around this one, along the axis of the larger spread."""
    if times == 1:
        return [place]
    steps = [2 * step / (times - 1) - 1 for step in range(times)]
    along_x = spread[0] >= spread[1]
    width = max(spread[0] if along_x else spread[1], 1e-3)
    return [(place[0] + step * width, place[1]) if along_x else (place[0], place[1] + step * width) for step in steps]
