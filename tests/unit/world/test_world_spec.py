import json
import pickle

import pytest

from diptych.world import RELATIONS, WorldSpec


def test_a_spec_is_the_same_after_json_and_pickle():
    spec = WorldSpec(colours=("red", "blue"), max_objects=4, min_objects=1, side=64)
    assert WorldSpec(**json.loads(json.dumps(spec.to_dict()))) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize(
    ("values", "key", "fix"),
    [
        ({"shapes": ("circle", "blob")}, "world.shapes", "triangle"),
        ({"colours": ()}, "world.colours", "name at least one"),
        ({"sizes": ("small", "small")}, "world.sizes", "each once"),
        ({"relations": ("above", "left_of", "right_of")}, "world.relations", "add 'below'"),
        ({"relations": ("above", "below"), "max_objects": 3, "side": 64}, "world.relations", "name all of"),
        ({"min_objects": 0}, "world.min_objects", "1 <= min_objects"),
        ({"max_objects": 5, "side": 64}, "max_objects", "<= 4"),
        ({"min_objects": 3, "max_objects": 2}, "world.min_objects", "min_objects <= max_objects"),
        ({"side": 28}, "world.side", "32 px"),
        ({"max_objects": 3}, "world.max_objects", "world.side=64"),
    ],
)
def test_an_impossible_world_is_refused_with_the_key_and_the_fix(values: dict, key: str, fix: str):
    with pytest.raises(ValueError, match=key) as refusal:
        WorldSpec(**values)
    assert fix in str(refusal.value)


def test_sizes_do_not_touch_and_grow_with_the_canvas():
    spec = WorldSpec()
    assert 4.0 <= spec.radii("small")[0] < spec.radii("small")[1] < spec.radii("large")[0]
    assert WorldSpec(side=64).radii("large") == tuple(2 * radius for radius in spec.radii("large"))


def test_the_default_world_knows_every_relation():
    assert WorldSpec().relations == RELATIONS
