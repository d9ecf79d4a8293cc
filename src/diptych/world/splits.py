"""The split of every scene (train, val, test), and the index-th scene of a split.

A scene's split is a hash of its symbols: its objects and, for two objects, their relation. Coordinates do not count, so
training never contains a rendering of a test sentence. A above B and B below A are the same scene. Scenes of one object
are too few to be split and belong to every split. With a hold-out, its scenes are never in train or val, and the test
split consists of exactly those.
"""

from hashlib import blake2b
from random import Random
from typing import Literal

from diptych.types import Scene
from diptych.world.choice import pick
from diptych.world.holdouts import HoldOut
from diptych.world.relations import relation_between
from diptych.world.sampling import Kind, SceneSketch, draw_sketch, place
from diptych.world.spec import INVERSE, WorldSpec

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
VAL_PERCENT, TEST_PERCENT = 5, 10
MOST_ATTEMPTS = 5_000

Symbols = tuple[str, ...]


def canonical(scene: Scene) -> Symbols:
    """The scene's symbols, independent of the order of its objects and the direction of their relation.

    Three or more objects have no relation in it, because not all their pairs have one.
    """
    kinds = tuple(Kind(thing.shape, thing.colour, thing.size) for thing in scene.objects)
    relation = relation_between(scene.objects[0], scene.objects[1]) if len(kinds) == 2 else None
    return _symbols(SceneSketch(kinds, relation))


def split_of(scene: Scene, hold_out: HoldOut | None = None) -> Split:
    """The one split that may contain the scene; scenes of one object, which are in all splits, count as train."""
    if hold_out is not None and hold_out.holds(scene):
        return "test"
    return "train" if len(scene.objects) == 1 else _split_of_symbols(canonical(scene))


def belongs(scene: Scene, split: Split, hold_out: HoldOut | None = None) -> bool:
    """Whether `scene_at` may return the scene for this split."""
    held = hold_out is not None and hold_out.holds(scene)
    if _is_restricted(split, hold_out):
        return held
    return not held and (len(scene.objects) == 1 or _split_of_symbols(canonical(scene)) == split)


def scene_at(spec: WorldSpec, split: Split, seed: int, index: int, hold_out: HoldOut | None = None) -> Scene:
    """The index-th scene of a split, the same on every machine: the first one of its stream that belongs there.

    All possible numbers of objects of the split are equally likely.
    """
    rng = Random(_stream(seed, split, index))
    count = pick(_counts(spec, split, hold_out), rng)
    for _ in range(MOST_ATTEMPTS):
        sketch = draw_sketch(spec, count, rng)
        if not _may_belong(sketch, split, hold_out):
            continue
        scene = place(spec, sketch, rng)
        if hold_out is None or belongs(scene, split, hold_out):
            return scene
    raise ValueError(
        f"world: found no scene for the split {split!r} in {MOST_ATTEMPTS} attempts; this world is too small to be "
        "split: add shapes, colours or sizes, or choose another hold_out."
    )


def _counts(spec: WorldSpec, split: Split, hold_out: HoldOut | None) -> range:
    if hold_out is None:
        return spec.counts
    return hold_out.held_counts if _is_restricted(split, hold_out) else hold_out.kept_counts


def _may_belong(sketch: SceneSketch, split: Split, hold_out: HoldOut | None) -> bool:
    """A quick check of the symbols alone, before the objects are placed."""
    if len(sketch.kinds) == 1 or _is_restricted(split, hold_out):
        return True
    return _split_of_symbols(_symbols(sketch)) == split


def _is_restricted(split: Split, hold_out: HoldOut | None) -> bool:
    return split == "test" and hold_out is not None and hold_out.holds_scenes


def _symbols(sketch: SceneSketch) -> Symbols:
    names = [f"{kind.size} {kind.colour} {kind.shape}" for kind in sketch.kinds]
    if sketch.relation is None:
        return tuple(sorted(names))
    first, second = names
    stated, inverse = (first, sketch.relation, second), (second, INVERSE[sketch.relation], first)
    return min(stated, inverse)


def _split_of_symbols(symbols: Symbols) -> Split:
    percent = _hash(*symbols) % 100
    if percent < VAL_PERCENT:
        return "val"
    return "test" if percent < VAL_PERCENT + TEST_PERCENT else "train"


def _stream(seed: int, split: str, index: int) -> int:
    return _hash(str(seed), split, str(index))


def _hash(*words: str) -> int:
    return int.from_bytes(blake2b("|".join(words).encode(), digest_size=8).digest(), "big")
