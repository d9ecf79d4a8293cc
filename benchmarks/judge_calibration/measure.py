"""Measure the judge: fresh renders under every nuisance, pictures outside the grammar, and minimal pairs.

Rows are counts, never only means, since the worst cases matter.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import torch

from diptych.types import Scene, SceneObject
from diptych.world.description import describe_fully
from diptych.world.judging.judge import Judge
from diptych.world.judging.readings import Reading
from diptych.world.renderer import render
from diptych.world.sampling import sample_scene

from .nuisances import Nuisance
from .off_grammar import BATTERY
from .pairs import ASPECTS_CHANGED, changed

SCENES_AT_ONCE = 500
FARTHEST_AT_32 = 1.0
"""The largest distance, in pixels at 32, between an object and its reading that counts as exact."""


@dataclass
class Count:
    """Counts of pictures: of `num`, how many are `exact`, off the grammar, ambiguous or degraded.

    `shapes` has the counts, exact and all, of the pictures with each shape.
    """

    num: int = 0
    exact: int = 0
    off_grammar: int = 0
    ambiguous: int = 0
    degraded: int = 0
    shapes: dict[str, list[int]] = field(default_factory=dict)

    def add(self, reading: Reading, exact: bool, scene: Scene) -> None:
        """Count one picture."""
        self.num += 1
        self.exact += exact
        self.off_grammar += not reading.is_legible
        self.ambiguous += reading.is_legible and reading.is_ambiguous
        self.degraded += reading.legibility == "degraded"
        for shape in {thing.shape for thing in scene.objects}:
            entry = self.shapes.setdefault(shape, [0, 0])
            entry[0] += exact
            entry[1] += 1


def under(judge: Judge, nuisance: Nuisance, num: int, seed: int) -> Count:
    """Render, corrupt and read fresh scenes."""
    count, noise = Count(), torch.Generator().manual_seed(seed)
    for scenes in fresh_scenes(judge, num, seed):
        readings = judge.read(nuisance.apply(render(scenes), noise))
        for reading, scene in zip(readings, scenes, strict=True):
            count.add(reading, reads_exactly(reading, scene), scene)
    return count


def off_grammar(judge: Judge, name: str, num: int, seed: int) -> Count:
    """Pictures of one kind outside the grammar; the verdict `ambiguous` refuses them, too."""
    count, rng = Count(), Random(seed)
    for scenes in fresh_scenes(judge, num, seed):
        for reading, scene in zip(judge.read(BATTERY[name](scenes, rng).clamp(-1, 1)), scenes, strict=True):
            count.add(reading, False, scene)
    return count


def minimal_pairs(judge: Judge, num: int, seed: int) -> dict[str, list[int]]:
    """For each aspect: the number of distinguished pairs that differ in it alone, and the number of pairs."""
    rng, flipped, tried = Random(seed), Counter[str](), Counter[str]()
    for scenes in fresh_scenes(judge, num, seed):
        claims = [describe_fully(scene, rng) for scene in scenes]
        right = judge.verdicts(render(scenes), claims)
        for aspect in ASPECTS_CHANGED:
            pairs = [(i, other) for i, scene in enumerate(scenes) if (other := changed(judge.spec, scene, aspect, rng))]
            if not pairs:
                continue
            wrong = judge.verdicts(render([other for _, other in pairs]), [claims[i] for i, _ in pairs])
            tried[aspect] += len(pairs)
            flipped[aspect] += sum(right[i].true and not v.true for (i, _), v in zip(pairs, wrong, strict=True))
    return {aspect: [flipped[aspect], tried[aspect]] for aspect in ASPECTS_CHANGED}


def fresh_scenes(judge: Judge, num: int, seed: int) -> Iterator[Sequence[Scene]]:
    """`num` scenes of the judge's world, a few hundred at a time."""
    rng = Random(seed)
    for start in range(0, num, SCENES_AT_ONCE):
        yield [sample_scene(judge.spec, rng) for _ in range(min(SCENES_AT_ONCE, num - start))]


def reads_exactly(reading: Reading, scene: Scene) -> bool:
    """Whether the reading has exactly the scene's objects, with their kinds and positions."""
    found, far = list(reading.scene.objects), FARTHEST_AT_32 * scene.side / 32
    if len(found) != len(scene.objects):
        return False
    for thing in scene.objects:
        nearest = min(found, key=lambda other, thing=thing: _apart(thing, other))
        found.remove(nearest)
        if _kind(nearest) != _kind(thing) or _apart(thing, nearest) > far:
            return False
    return True


def _kind(thing: SceneObject) -> tuple[str, str, str]:
    return thing.shape, thing.colour, thing.size


def _apart(first: SceneObject, second: SceneObject) -> float:
    return max(abs(first.x - second.x), abs(first.y - second.y))
