"""The benchmark's prompts: contents as strata, in sentences of the grammar that are true of their scenes."""

from collections import Counter
from random import Random

import pytest

from diptych.world import Grammar, WorldSpec, belongs, hold_out_named, split_of
from diptych.world.geneval import is_correct
from diptych.world.prompts import HELD_OUT, SEEN, Speech, drawn_evenly, name_of, prompts_of, turned
from diptych.world.skills import GENEVAL, SKILLS, contents_of, fewest_objects, is_held, skills_of

AT_32 = WorldSpec(min_objects=1)
AT_64 = WorldSpec(min_objects=1, max_objects=4, side=64)
PAIRS_ONLY = WorldSpec(shapes=("circle", "square", "triangle", "plus"))
HOLD_OUTS = ("pairs", "relation_order", "count", "phrasing")


def test_the_world_determines_the_possible_skills():
    assert set(skills_of(AT_32)) == set(SKILLS) - {"three_object"}
    assert skills_of(AT_64) == SKILLS
    assert "two_object" not in skills_of(WorldSpec(min_objects=1, max_objects=1))
    assert "position" not in skills_of(WorldSpec(shapes=("circle",)))
    assert set(GENEVAL) <= set(SKILLS)


def test_the_number_of_contents_is_combinatorial():
    numbers = {tag: len(contents_of(tag, AT_64)) for tag in SKILLS}
    assert numbers == {
        "single_object": 6,
        "two_object": 15,
        "counting": 6 * 3,
        "colors": 6 * 8,
        "position": 15 * 4,
        "color_attr": 15 * 8 * 7,
        "size": 6 * 2,
        "three_object": 20,
        "color_position": 15 * 8 * 7 * 4,
    }
    assert len(contents_of("counting", AT_32)) == 6


def test_no_two_contents_have_one_name():
    contents = [content for tag in SKILLS for content in contents_of(tag, AT_64)]
    assert len({name_of(content) for content in contents}) == len(contents)
    assert name_of(contents_of("color_position", AT_64)[0]) == "red circle above green square"


def test_contents_are_drawn_evenly_and_in_another_order_each_round():
    drawn = drawn_evenly(range(6), 250, Random(0))
    assert sorted(Counter(drawn).values()) == [41, 41, 42, 42, 42, 42]
    rounds = [drawn[i : i + 6] for i in range(0, 246, 6)]
    assert all(sorted(one) == list(range(6)) for one in rounds)
    assert len(set(map(tuple, rounds))) > 20
    assert drawn_evenly((), 5, Random(0)) == []


@pytest.mark.parametrize("in_full", [False, True])
@pytest.mark.parametrize("spec", [AT_32, AT_64, PAIRS_ONLY])
def test_every_prompt_is_a_sentence_and_true_of_its_scenes(spec, in_full):
    speech = Speech(("en", "zh"), in_full=in_full)
    grammars = [Grammar("en"), Grammar("zh")]
    for skill in skills_of(spec):
        prompts = prompts_of(skill, spec, 12, speech=speech, scenes=2)
        assert len(prompts) == 12
        for i, prompt in enumerate(prompts):
            assert grammars[i % 2].parse(prompt.sentence) == prompt.claims
            for scene in prompt.scenes:
                assert prompt.content.entailed_by(scene)
                assert prompt.claims.entailed_by(scene)
                assert len(scene.objects) == fewest_objects(prompt.claims, spec)
                assert is_correct(prompt.metadata, scene)


def test_prompts_are_the_same_every_time_and_strata_are_even():
    for skill in skills_of(AT_32):
        first, again = prompts_of(skill, AT_32, 30), prompts_of(skill, AT_32, 30)
        assert first == again
        counts = Counter(prompt.content for prompt in first)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len(counts) == min(30, len(contents_of(skill, AT_32)))


def test_bare_prompts_claim_their_content_and_no_more():
    for skill in skills_of(AT_64):
        for prompt in prompts_of(skill, AT_64, 10):
            cycle_chip = turned(prompt.claims) if prompt.claims.relations else prompt.claims
            assert prompt.content in (prompt.claims, cycle_chip)


def test_prompts_in_full_are_complete_and_about_scenes_outside_training():
    for skill in skills_of(AT_32):
        for prompt in prompts_of(skill, AT_32, 20, speech=Speech(in_full=True)):
            scene = prompt.scenes[0]
            assert prompt.claims.exact_for(scene)
            assert len(scene.objects) == 1 or split_of(scene) != "train"


@pytest.mark.parametrize("name", HOLD_OUTS)
def test_held_out_contents_never_leak(name):
    hold_out = hold_out_named(name, AT_32)
    for skill in skills_of(AT_32):
        for prompt in prompts_of(skill, AT_32, 25, part=SEEN, hold_out=hold_out):
            assert not any(hold_out.holds(scene) for scene in prompt.scenes)
        for prompt in prompts_of(skill, AT_32, 25, part=HELD_OUT, hold_out=hold_out):
            for scene in prompt.scenes:
                assert hold_out.holds(scene) == hold_out.holds_scenes
                assert not hold_out.holds_scenes or not belongs(scene, "train", hold_out)


@pytest.mark.parametrize(
    ("name", "skill", "held"), [("pairs", "colors", 8), ("count", "counting", 6), ("count", "colors", 0)]
)
def test_a_hold_out_divides_the_contents(name, skill, held):
    hold_out = hold_out_named(name, AT_32)
    seen, unseen = (
        {prompt.content for prompt in prompts_of(skill, AT_32, 50, part=part, hold_out=hold_out)}
        for part in (SEEN, HELD_OUT)
    )
    assert len(unseen) == held
    assert seen.isdisjoint(unseen)
    assert seen | unseen == set(contents_of(skill, AT_32))


def test_a_colour_seen_only_above_is_held_out_below():
    hold_out = hold_out_named("relation_order", AT_32)
    held = {prompt.content for prompt in prompts_of("color_position", AT_32, 25, part=HELD_OUT, hold_out=hold_out)}
    assert len(held) == 25
    assert all("red" in {mention.colour for mention in content.mentions} for content in held)
    assert all(is_held(content, AT_32, hold_out) for content in held)
    assert prompts_of("position", AT_32, 25, part=HELD_OUT, hold_out=hold_out) == []


def test_held_out_prompts_use_held_out_phrasings_alone():
    hold_out, english = hold_out_named("phrasing", AT_32), Grammar()
    held = {name: english.language.phrasings[name] for name in english.held_out_phrasings}
    for skill in ("single_object", "position"):
        seen, unseen = (prompts_of(skill, AT_32, 20, part=part, hold_out=hold_out) for part in (SEEN, HELD_OUT))
        said = {english.language.say(c, p) for c in _both_sides(skill) for p in held.values() if _fits(p, c)}
        assert said.isdisjoint(prompt.sentence for prompt in seen)
        assert said >= {prompt.sentence for prompt in unseen}
        assert {prompt.content for prompt in unseen} <= set(contents_of(skill, AT_32))


def test_without_a_hold_out_nothing_is_held_out():
    assert prompts_of("colors", AT_32, 10, part=HELD_OUT) == []


def test_a_phrasing_that_cannot_express_the_claims_is_replaced():
    (prompt,) = prompts_of("single_object", AT_32, 1, speech=Speech(phrasings=("plain",)))
    assert Grammar().parse(prompt.sentence) == prompt.claims


def _both_sides(skill):
    for content in contents_of(skill, AT_32):
        yield content
        if content.relations:
            yield turned(content)


def _fits(phrasing, claims):
    return phrasing.has_relations == bool(claims.relations) and phrasing.least_objects <= claims.num_objects
