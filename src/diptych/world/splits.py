"""Which scenes are for training, validation and test, and the index-th of them.

A scene's split is a hash of its symbols: what is there and, for two objects, how they lie; never of coordinates,
so that no rendering of a test sentence was ever trained on. A above B and B below A are the same scene. Scenes of
one object are too few to be split and belong to every split. With a hold-out, the scenes it holds are never in
training or validation, and the test split is exactly those.
"""

from hashlib import blake2b
from random import Random
from typing import Literal

from diptych.types import Scene
from diptych.world.choice import pick
from diptych.world.holdouts import HoldOut
from diptych.world.relations import relation_between
from diptych.world.sampling import Kind, Plan, draw_plan, place
from diptych.world.spec import INVERSE, WorldSpec

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")
VAL_PERCENT, TEST_PERCENT = 5, 10
MOST_ATTEMPTS = 5_000

Symbols = tuple[str, ...]


def canonical(scene: Scene) -> Symbols:
    """The scene's symbols, the same for every order of its objects and every side they are told from.

    Three or more objects are named without relations, because not all their pairs have one.
    """
    kinds = tuple(Kind(thing.shape, thing.colour, thing.size) for thing in scene.objects)
    relation = relation_between(scene.objects[0], scene.objects[1]) if len(kinds) == 2 else None
    return _symbols(Plan(kinds, relation))


def split_of(scene: Scene, hold_out: HoldOut | None = None) -> Split:
    """The one split that may contain the scene; scenes of one object, which are in all of them, count as train."""
    if hold_out is not None and hold_out.holds(scene):
        return "test"
    return "train" if len(scene.objects) == 1 else _split_of_symbols(canonical(scene))


def belongs(scene: Scene, split: Split, hold_out: HoldOut | None = None) -> bool:
    """Whether `scene_at` may give the scene for this split."""
    held = hold_out is not None and hold_out.holds(scene)
    if _is_restricted(split, hold_out):
        return held
    return not held and (len(scene.objects) == 1 or _split_of_symbols(canonical(scene)) == split)


def scene_at(spec: WorldSpec, split: Split, seed: int, index: int, hold_out: HoldOut | None = None) -> Scene:
    """The index-th scene of a split, the same on every machine: the first of its own stream that belongs there.

    All counts of objects that the split can have are equally likely.
    """
    rng = Random(_stream(seed, split, index))
    count = pick(_counts(spec, split, hold_out), rng)
    for _ in range(MOST_ATTEMPTS):
        plan = draw_plan(spec, count, rng)
        if not _may_belong(plan, split, hold_out):
            continue
        scene = place(spec, plan, rng)
        if hold_out is None or belongs(scene, split, hold_out):
            return scene
    raise ValueError(
        f"world: found no scene for the split {split!r} in {MOST_ATTEMPTS} attempts; this world is too small to be "
        "split: allow more shapes, colours or sizes, or choose another hold_out."
    )


def _counts(spec: WorldSpec, split: Split, hold_out: HoldOut | None) -> range:
    if hold_out is None:
        return spec.counts
    return hold_out.held_counts if _is_restricted(split, hold_out) else hold_out.kept_counts


def _may_belong(plan: Plan, split: Split, hold_out: HoldOut | None) -> bool:
    """A quick answer from the symbols alone, before anything is placed."""
    if len(plan.kinds) == 1 or _is_restricted(split, hold_out):
        return True
    return _split_of_symbols(_symbols(plan)) == split


def _is_restricted(split: Split, hold_out: HoldOut | None) -> bool:
    return split == "test" and hold_out is not None and hold_out.holds_scenes


def _symbols(plan: Plan) -> Symbols:
    names = [f"{kind.size} {kind.colour} {kind.shape}" for kind in plan.kinds]
    if plan.relation is None:
        return tuple(sorted(names))
    first, second = names
    told, turned = (first, plan.relation, second), (second, INVERSE[plan.relation], first)
    return min(told, turned)


def _split_of_symbols(symbols: Symbols) -> Split:
    percent = _hash(*symbols) % 100
    if percent < VAL_PERCENT:
        return "val"
    return "test" if percent < VAL_PERCENT + TEST_PERCENT else "train"


def _stream(seed: int, split: str, index: int) -> int:
    return _hash(str(seed), split, str(index))


def _hash(*words: str) -> int:
    return int.from_bytes(blake2b("|".join(words).encode(), digest_size=8).digest(), "big")
