"""Entropy against scipy and closed forms, and what sentences leave open."""

from random import Random

import numpy as np
import pytest
from scipy import stats

from diptych.metrics.variety import Choice, choices_in, entropy, entropy_share
from diptych.types import Scene, SceneObject
from diptych.world import Constraints, Mention, Relation, WorldSpec
from diptych.world.skills import contents_of, scene_showing

WORLD = WorldSpec(min_objects=1)


def choices(values, num_values, group="all"):
    return [Choice("colour", group, value, num_values) for value in values]


def test_entropy_is_the_plug_in_of_scipy_and_millers_correction():
    values = [0, 0, 0, 1, 1, 2, 2, 2, 2, 5]
    assert entropy(values) == pytest.approx(stats.entropy([3, 2, 4, 1]) + 3 / 20)
    assert entropy([7] * 9) == 0


def test_few_draws_that_happen_to_be_even_pass_the_world_s_own_variety():
    assert entropy_share(choices("ssssllll", 2)) == pytest.approx(1 + 1 / (2 * 8 * np.log(2)))


def test_the_correction_takes_most_of_the_bias_away():
    rng = np.random.default_rng(0)
    samples = rng.integers(0, 8, (2000, 40))
    corrected = np.mean([entropy(sample.tolist()) for sample in samples]) / np.log(8)
    plain = np.mean([stats.entropy(np.bincount(sample)) for sample in samples]) / np.log(8)
    assert abs(corrected - 1) < 0.005
    assert plain < 0.96


def test_one_value_for_ever_has_no_variety_and_a_uniform_one_all():
    assert entropy_share(choices([3] * 50, 8)) == 0
    assert entropy_share(choices(list(range(8)) * 1000, 8)) == pytest.approx(1, abs=1e-3)


def test_groups_are_weighted_by_their_draws_and_small_ones_left_out():
    one, other = choices([0] * 30, 2, "one"), choices([0, 1] * 5, 2, "other")
    whole = (1 + 1 / (2 * 10 * np.log(2))) * 10 / 40
    assert entropy_share([*one, *other]) == pytest.approx(whole)
    assert entropy_share([*one, *choices([0, 1], 2, "few")]) == 0
    assert entropy_share(choices([0, 1], 2)) is None


def test_only_what_the_sentence_leaves_open_is_a_choice():
    rng = Random(0)

    def kinds(content):
        return [choice.kind for choice in choices_in(scene_showing(content, WORLD, rng), content, WORLD)]

    assert kinds(Constraints((Mention("circle"),))) == ["colour", "size", "place"]
    assert kinds(Constraints((Mention("circle", "red"),))) == ["size", "place"]
    assert kinds(Constraints((Mention("circle", number=2),))) == []
    pair = (Mention("circle", "red"), Mention("square", "blue"))
    assert kinds(Constraints(pair)) == ["size", "place"] * 2 + ["relation"]
    assert kinds(Constraints(pair, (Relation(0, "above", 1),))) == ["size"] * 2


def things(*words):
    """Shape, colour and size of objects, each below the one before."""
    return tuple(SceneObject(*word, 32, 10 + 12 * i, 5) for i, word in enumerate(words))


def values_of(content, *words):
    chosen = choices_in(Scene(64, things(*words)), content, WORLD)
    return [(choice.kind, choice.group[-1], choice.value) for choice in chosen if choice.kind != "place"]


def test_every_mention_is_of_an_object_of_its_own():
    """The first red thing fits both mentions; it is the circle all the same that the second one leaves open."""
    content = Constraints((Mention(colour="red"), Mention("circle")), (Relation(0, "below", 1),))
    found = values_of(content, ("circle", "red", "big"), ("square", "red", "small"))
    assert found == [("size", 0, "small"), ("colour", 1, "red"), ("size", 1, "big")]


def test_where_several_objects_fit_those_count_that_stand_as_was_asked():
    content = Constraints((Mention("circle"), Mention("square", "blue", "big")), (Relation(0, "below", 1),))
    found = values_of(content, ("circle", "red", "small"), ("square", "blue", "big"), ("circle", "green", "big"))
    assert found == [("colour", 0, "green"), ("size", 0, "big")]


def test_a_content_that_counts_anything_is_left_out_as_a_whole():
    content = Constraints((Mention("circle", number=2), Mention("square")))
    assert values_of(content, ("circle", "red", "big"), ("circle", "blue", "big"), ("square", "red", "small")) == []


def test_a_scene_without_what_is_mentioned_is_refused():
    with pytest.raises(ValueError, match="a scene of 1 objects does not show"):
        values_of(Constraints((Mention("circle"), Mention("square"))), ("circle", "red", "big"))


@pytest.mark.parametrize("skill", ["single_object", "two_object"])
def test_the_world_itself_has_all_the_variety_there_is(skill):
    rng, content = Random(1), contents_of(skill, WORLD)[0]
    drawn = [choice for _ in range(3000) for choice in choices_in(scene_showing(content, WORLD, rng), content, WORLD)]
    for kind in {choice.kind for choice in drawn}:
        assert entropy_share([choice for choice in drawn if choice.kind == kind]) == pytest.approx(1, abs=0.003)
