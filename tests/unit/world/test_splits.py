from collections import Counter
from functools import cache
from itertools import product
from random import Random

import pytest

from diptych.types import Scene, SceneObject
from diptych.world import (
    INVERSE,
    SPLITS,
    WorldSpec,
    belongs,
    canonical,
    hold_out_named,
    relation_between,
    sample_scene,
    scene_at,
    split_of,
)

PAIRS = WorldSpec()
MIXED = WorldSpec(min_objects=1, max_objects=4, side=64)
NUMBER = 100


@cache
def some(spec: WorldSpec, split: str, hold_out: str | None = None) -> list[Scene]:
    held = hold_out_named(hold_out, spec) if hold_out else None
    return [scene_at(spec, split, 3, index, held) for index in range(NUMBER)]


def mirrored(scene: Scene) -> Scene:
    """The same content, described from the other object."""
    return Scene(scene.side, scene.objects[::-1])


def test_a_scene_has_the_same_symbols_from_either_object():
    for seed in range(300):
        scene = sample_scene(MIXED, Random(seed))
        assert canonical(scene) == canonical(mirrored(scene))
        assert split_of(scene) == split_of(mirrored(scene))


def test_coordinates_do_not_change_the_split():
    scene = sample_scene(PAIRS, Random(0))
    shrunk = [SceneObject(o.shape, o.colour, o.size, o.x * 0.9, o.y * 0.9, o.radius * 0.9) for o in scene.objects]
    assert canonical(Scene(32, tuple(shrunk))) == canonical(scene)


def test_the_inverse_relation_makes_another_scene():
    above = canonical(Scene(32, (thing("red", 16, 8), thing("blue", 16, 24))))
    below = canonical(Scene(32, (thing("red", 16, 24), thing("blue", 16, 8))))
    beside = canonical(Scene(32, (thing("red", 8, 16), thing("blue", 24, 16))))
    assert len({above, below, beside}) == 3


def thing(colour: str, x: float, y: float, shape: str = "circle") -> SceneObject:
    return SceneObject(shape, colour, "small", float(x), float(y), 4.1)


@pytest.mark.parametrize("spec", [PAIRS, MIXED])
def test_splits_share_no_scene_of_several_objects(spec: WorldSpec):
    seen = {split: {canonical(s) for s in some(spec, split) if len(s.objects) > 1} for split in SPLITS}
    assert not seen["train"] & seen["val"]
    assert not seen["train"] & seen["test"]
    assert not seen["val"] & seen["test"]
    assert all(split_of(scene) == split for split in SPLITS for scene in some(spec, split) if len(scene.objects) > 1)


def test_no_picture_of_one_object_is_in_two_splits():
    lonely = WorldSpec(min_objects=1, max_objects=1)
    seen = [set(some(lonely, split)) for split in SPLITS]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]


def test_every_kind_of_single_object_belongs_to_every_split():
    alone = Scene(32, (thing("red", 16, 16),))
    assert all(belongs(alone, split) for split in SPLITS)


def test_val_has_a_twentieth_and_test_a_tenth_of_the_scenes():
    rng = Random(0)
    splits = Counter(split_of(sample_scene(PAIRS, rng)) for _ in range(3000))
    assert splits["val"] / 3000 == pytest.approx(0.05, abs=0.02)
    assert splits["test"] / 3000 == pytest.approx(0.10, abs=0.025)


def test_every_split_has_the_same_distribution_of_object_counts():
    for split in SPLITS:
        counts = Counter(len(scene.objects) for scene in some(MIXED, split))
        assert all(abs(counts[number] - NUMBER / 4) < 5 * (NUMBER / 4) ** 0.5 for number in MIXED.counts)


def test_seed_split_and_index_determine_the_scene():
    addresses = list(product(SPLITS, (0, 1), range(20)))
    scenes = [scene_at(PAIRS, *address) for address in addresses]
    assert scenes == [scene_at(PAIRS, *address) for address in addresses]
    assert len(set(scenes)) == len(scenes)


def test_a_world_too_small_to_split_is_refused():
    tiny = WorldSpec(shapes=("circle",), colours=("red",), sizes=("small",))
    with pytest.raises(ValueError, match="too small to be split"):
        [scene_at(tiny, split, 0, 0) for split in SPLITS]


@pytest.mark.parametrize(("name", "spec"), [("pairs", PAIRS), ("relation_order", MIXED), ("count", MIXED)])
def test_held_out_scenes_are_exactly_the_test_split(name: str, spec: WorldSpec):
    held = hold_out_named(name, spec)
    assert not any(held.holds(scene) for split in ("train", "val") for scene in some(spec, split, name))
    assert all(held.holds(scene) for scene in some(spec, "test", name))
    assert all(split_of(scene, held) == "test" for scene in some(spec, "test", name))
    assert all(belongs(scene, split, held) for split in SPLITS for scene in some(spec, split, name))


def test_held_out_pairs_leave_every_colour_and_every_shape_in_training():
    things = [o for scene in some(PAIRS, "train", "pairs") for o in scene.objects]
    assert {o.colour for o in things} == set(PAIRS.colours)
    assert {o.shape for o in things} == set(PAIRS.shapes)
    assert not {("red", "circle"), ("green", "square"), ("black", "circle")} & {(o.colour, o.shape) for o in things}


def test_held_out_order_leaves_every_relation_in_training():
    scenes = some(PAIRS, "train", "relation_order")
    relations = {(a.colour == "red", relation_between(a, b)) for s in scenes for a, b in (s.objects, s.objects[::-1])}
    assert {relation for _, relation in relations} == set(INVERSE)
    assert (True, "above") in relations


def test_the_largest_count_is_held_out():
    assert {len(s.objects) for s in some(MIXED, "train", "count")} == {1, 2, 3}
    assert {len(s.objects) for s in some(MIXED, "test", "count")} == {4}


def test_held_out_phrasings_change_no_scene():
    assert some(PAIRS, "test", "phrasing") == some(PAIRS, "test")


@pytest.mark.parametrize(
    ("name", "spec", "words"),
    [
        ("colours", PAIRS, "choose one of pairs"),
        ("count", PAIRS, "different counts"),
        ("relation_order", WorldSpec(min_objects=1, max_objects=1), "max_objects"),
        ("pairs", WorldSpec(colours=("red",)), "two world.colours"),
    ],
)
def test_an_impossible_hold_out_is_refused(name: str, spec: WorldSpec, words: str):
    with pytest.raises(ValueError, match=words):
        hold_out_named(name, spec)
