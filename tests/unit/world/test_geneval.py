"""GenEval's rules on scenes made by hand, and against a second, plain implementation."""

from itertools import permutations
from random import Random

import numpy as np
import pytest

from diptych.types import Scene, SceneObject
from diptych.world import Constraints, Mention, Relation, WorldSpec, sample_scene
from diptych.world.geneval import atoms_held, atoms_of, is_correct, metadata, relations_between
from diptych.world.prompts import prompts_of
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.skills import SKILLS


def thing(shape="circle", colour="red", x=16.0, y=16.0, size="small", radius=4.0) -> SceneObject:
    return SceneObject(shape, colour, size, float(x), float(y), radius)


def scene(*things: SceneObject) -> Scene:
    return Scene(64, things)


def asked(tag: str, *include, exclude=()) -> dict:
    return {"tag": tag, "include": list(include), "exclude": list(exclude), "prompt": ""}


RED_CIRCLE = {"class": "circle", "count": 1, "color": "red"}
TWO_CIRCLES = asked("counting", {"class": "circle", "count": 2}, exclude=[{"class": "circle", "count": 3}])


def test_other_objects_are_wrong_only_in_counting():
    one = asked("single_object", {"class": "circle", "count": 1})
    crowd = scene(thing(), thing(x=40), thing("star", x=40, y=40))
    assert is_correct(one, crowd)
    assert is_correct(TWO_CIRCLES, crowd)
    assert not is_correct(TWO_CIRCLES, scene(*crowd.objects, thing(y=40)))
    assert not is_correct(TWO_CIRCLES, scene(thing(), thing("star", x=40)))


def test_every_clause_must_hold():
    wanted = asked("color_attr", RED_CIRCLE, {"class": "square", "count": 1, "color": "blue"})
    assert is_correct(wanted, scene(thing(), thing("square", "blue", 40)))
    assert not is_correct(wanted, scene(thing(), thing("square", "red", 40)))
    assert not is_correct(wanted, scene(thing(colour="blue"), thing("square", "red", 40)))
    assert not is_correct(wanted, scene(thing()))


def test_any_object_of_the_class_may_have_the_colour():
    wanted = asked("colors", RED_CIRCLE)
    assert is_correct(wanted, scene(thing(colour="blue"), thing(x=40)))


@pytest.mark.parametrize(
    ("right", "down", "relations"),
    [
        (20, 0, {"right of"}),
        (-20, 0, {"left of"}),
        (0, 20, {"below"}),
        (0, -20, {"above"}),
        (20, -20, {"right of", "above"}),  # (20 - 1.6) / 28.3 = 0.65 on both axes
        (-20, 20, {"left of", "below"}),
        (20, 11.5, {"right of"}),  # 9.9 / 23.1 = 0.43
        (20, 14, {"right of", "below"}),  # 12.4 / 24.4 = 0.51
        (1.5, 1.5, set()),  # an offset shorter than a tenth of both boxes becomes zero
        (2.2, 2.2, set()),  # 0.6 / 3.1 = 0.19
        (0, 0, set()),
    ],
)
def test_relations_are_those_of_the_shortened_offset(right, down, relations):
    first, second = thing(x=32 + right, y=32 + down), thing(x=32, y=32)
    assert relations_between(first, second) == relations


def test_a_position_refers_to_an_earlier_clause():
    claims = Constraints((Mention("circle"), Mention("square")), (Relation(0, "above", 1),))
    wanted = metadata("position", claims, "a circle above a square")
    assert wanted == {
        "tag": "position",
        "include": [{"class": "square", "count": 1}, {"class": "circle", "count": 1, "position": ["above", 0]}],
        "prompt": "a circle above a square",
    }
    assert is_correct(wanted, scene(thing(y=10), thing("square", y=40)))
    assert not is_correct(wanted, scene(thing(y=40), thing("square", y=10)))


def test_counting_excludes_one_object_more():
    wanted = metadata("counting", Constraints((Mention("star", number=3),)), "three stars")
    assert wanted["include"] == [{"class": "star", "count": 3}]
    assert wanted["exclude"] == [{"class": "star", "count": 4}]


def test_claims_about_a_missing_object_do_not_hold():
    claims = Constraints((Mention("circle", "red"), Mention("square", "blue")), (Relation(0, "above", 1),))
    wanted = metadata("color_position", claims, "")
    assert [atom.kind for atom in atoms_of(wanted)] == ["object", "object", "color", "color", "position"]
    assert atoms_of(wanted)[-1].needs == (1, 0)
    swapped = scene(thing(colour="blue", y=10), thing("square", "red", y=40))
    assert atoms_held(wanted, swapped) == (True, True, False, False, True)
    assert atoms_held(wanted, scene(thing(y=10))) == (False, True, False, True, False)
    assert atoms_held(wanted, scene()) == (False,) * 5


def test_too_many_objects_break_the_count_alone():
    assert [atom.kind for atom in atoms_of(TWO_CIRCLES)] == ["object", "count"]
    assert atoms_held(TWO_CIRCLES, scene(thing(), thing(x=40), thing(y=40))) == (True, False)
    assert atoms_held(TWO_CIRCLES, scene(thing())) == (False, False)


def plainly_correct(wanted: dict, shown: Scene) -> bool:
    """The definition again, for scenes with different shapes: boxes, clause by clause."""
    boxes = {}
    for o in shown.objects:
        half = np.array(HALF_EXTENTS[o.shape]) * o.radius
        boxes[o.shape] = np.stack([np.array([o.x, o.y]) - half, np.array([o.x, o.y]) + half]), o
    for clause in wanted["include"]:
        if clause["class"] not in boxes or clause["count"] > 1:
            return False
        box, found = boxes[clause["class"]]
        if found.colour != clause.get("color", found.colour) or found.size != clause.get("size", found.size):
            return False
        if "position" in clause:
            name, place = clause["position"]
            other, _ = boxes[wanted["include"][place]["class"]]
            offset = box.mean(axis=0) - other.mean(axis=0)
            extent = np.ptp(box, axis=0) + np.ptp(other, axis=0)
            direction = np.sign(offset) * np.clip(np.abs(offset) - 0.1 * extent, 0, None) / np.linalg.norm(offset)
            axis, sign = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}[name]
            if sign * direction[axis] <= 0.5:
                return False
    return True


def test_scores_equal_those_of_a_plain_implementation():
    spec, rng = WorldSpec(min_objects=1, max_objects=4, side=64), Random(3)
    scenes = [
        s for s in (sample_scene(spec, rng) for _ in range(600)) if len({o.shape for o in s.objects}) == len(s.objects)
    ]
    verdicts = []
    for skill in SKILLS:
        for prompt in prompts_of(skill, spec, 12):
            near = [Scene(64, things) for things in permutations(prompt.scenes[0].objects)]
            for shown in (*near, *scenes[:60]):
                if len({o.shape for o in shown.objects}) == len(shown.objects):
                    verdicts.append((is_correct(prompt.metadata, shown), plainly_correct(prompt.metadata, shown)))
    assert all(ours == plain for ours, plain in verdicts)
    assert 100 < sum(ours for ours, _ in verdicts) < len(verdicts) - 100
