"""What pictures of prompts are worth, from readings made by hand."""

from dataclasses import replace

import pytest
from byheart import reading_of

from diptych.metrics.memorisation import in_training
from diptych.metrics.skills import Answers, SkillScore, atom_accuracy, product_of_atoms, skill_score
from diptych.types import Scene, SceneObject
from diptych.world import Judge, WorldSpec, hold_out_named, scene_at
from diptych.world.prompts import Prompt, Speech, prompts_of
from diptych.world.skills import SKILLS, skills_of

WORLD = WorldSpec(min_objects=1)


def prompts(*skills: str, number: int = 30, **rest) -> list[Prompt]:
    return [prompt for skill in skills for prompt in prompts_of(skill, WORLD, number, **rest)]


def with_one_more(scene: Scene) -> Scene:
    shape = next(s for s in WORLD.shapes if s not in {o.shape for o in scene.objects})
    return replace(scene, objects=(*scene.objects, SceneObject(shape, "red", "small", 28.0, 28.0, 4.0)))


@pytest.mark.parametrize("in_full", [False, True])
@pytest.mark.parametrize("spec", [WORLD, WorldSpec(min_objects=1, max_objects=4, side=64), WorldSpec()])
def test_true_scenes_have_both_scores_and_every_atom(spec, in_full):
    for skill in skills_of(spec):
        asked = prompts_of(skill, spec, 10, speech=Speech(in_full=in_full))
        scores = Answers(Judge(spec), asked, [reading_of(prompt.scenes[0]) for prompt in asked]).scores
        assert all(score.geneval and score.strict and all(score.atoms) for score in scores)
        assert product_of_atoms(asked[0], scores) == atom_accuracy(scores) == 1


def test_one_object_too_many_is_only_strictly_wrong():
    for skill in skills_of(WORLD):
        for prompt in prompts(skill, number=5):
            score = skill_score(Judge(WORLD), reading_of(with_one_more(prompt.scenes[0])), prompt)
            assert score.geneval
            assert not score.strict


def test_mush_is_never_strictly_true_and_an_empty_picture_never_true():
    for prompt in prompts("single_object", "position", number=5):
        assert not skill_score(Judge(WORLD), reading_of(prompt.scenes[0], "off_grammar"), prompt).strict
        empty = skill_score(Judge(WORLD), reading_of(Scene(32, ())), prompt)
        assert (empty.geneval, empty.strict, any(empty.atoms)) == (False, False, False)


def test_a_whole_is_true_where_all_its_atoms_are():
    asked = prompts(*SKILLS[:-2])
    scores = Answers(Judge(WORLD), asked, [reading_of(prompt.scenes[0]) for prompt in asked]).shuffled().scores
    assert all(score.geneval == all(score.atoms) for score in scores)
    assert 0 < sum(score.geneval for score in scores) < len(scores)


def test_the_shuffle_is_one_cycle_through_all_prompts():
    answers = Answers(Judge(WORLD), prompts("colors", number=7), [reading_of(Scene(32, ()))] * 14, copies=2)
    shuffled = answers.shuffled()
    place, seen = 0, []
    for _ in range(7):
        seen.append(place)
        place = answers.prompts.index(shuffled.prompts[place])
    assert sorted(seen) == list(range(7))
    assert shuffled.prompt_of_each[::2] == shuffled.prompt_of_each[1::2] == list(shuffled.prompts)


def test_a_deaf_generator_reaches_its_floor():
    asked = prompts("single_object", number=240)
    answers = Answers(Judge(WORLD), asked, [reading_of(asked[0].scenes[0])] * len(asked))
    assert sum(answers.hits("geneval")) / 240 == sum(answers.shuffled().hits("geneval")) / 240 == 1 / 6


def row(*atoms: bool) -> SkillScore:
    return SkillScore(all(atoms), False, atoms)


def test_the_product_is_of_atoms_given_what_they_stand_on():
    (prompt,) = prompts_of("colors", WORLD, 1)
    rows = [row(True, True)] * 6 + [row(True, False)] * 2 + [row(False, False)] * 2
    assert atom_accuracy(rows) == pytest.approx(14 / 20)
    assert product_of_atoms(prompt, rows) == pytest.approx(0.8 * 6 / 8)


def test_atoms_that_fail_apart_have_the_product_of_their_rates():
    (prompt,) = prompts_of("two_object", WORLD, 1)
    rows = [row(i < 6, j < 5) for i in range(10) for j in range(10)]
    assert product_of_atoms(prompt, rows) == pytest.approx(0.6 * 0.5)
    assert sum(one.geneval for one in rows) / len(rows) == pytest.approx(0.6 * 0.5)


def test_atoms_that_fail_together_are_above_their_product():
    (prompt,) = prompts_of("two_object", WORLD, 1)
    rows = [row(True, True)] * 5 + [row(False, False)] * 5
    assert product_of_atoms(prompt, rows) == pytest.approx(0.25)


def test_scenes_of_each_split_are_told_apart_and_single_objects_left_out():
    for split in ("train", "test"):
        scenes = [scene_at(WORLD, split, 0, i) for i in range(60)]
        marks = in_training(scenes)
        assert [mark is None for mark in marks] == [len(scene.objects) == 1 for scene in scenes]
        assert {mark for mark in marks if mark is not None} == {split == "train"}
    held = hold_out_named("pairs", WORLD)
    assert not any(in_training([scene_at(WORLD, "test", 0, i, held) for i in range(30)], held))
