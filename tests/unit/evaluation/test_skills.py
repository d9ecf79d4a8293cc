"""The skills table of generators whose skills are known: an oracle, one that adds an object, a deaf one.

How well pictures are read is the judge's affair and has its own tests: here it knows each rendering by heart.
"""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from byheart import judging_by_heart, render
from contexts import context_of, generator_of

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.held_out import HeldOut, take_held_out
from diptych.evaluation.skills.benchmark import Skills, SkillsInFull
from diptych.evaluation.skills.figures import NAMES
from diptych.evaluation.skills.prompt_set import PromptSet
from diptych.evaluation.skills.request import SkillsRequest
from diptych.types import SceneObject

REQUEST = SkillsRequest(num_prompts=12)
PROTOCOL = {"seed": 0, "num": 2}


@pytest.fixture(autouse=True, scope="module")
def _judge_who_knows_renderings():
    with judging_by_heart("diptych.evaluation.skills.benchmark"):
        yield


def data(*overrides: str) -> HeldOut:
    return take_held_out(compose(["data=scenes"]), data=None, split="test", num=2, overrides=overrides)


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    return data()


def oracle(held_out: HeldOut, request: SkillsRequest = REQUEST, change=lambda scene: scene) -> SimpleNamespace:
    scenes = {prompt.sentence: prompt.scenes[0] for prompt in PromptSet.of(held_out, request).prompts}
    return generator_of(lambda sentence: render([change(scenes[sentence])]))


def evaluated(generator, held_out, request=REQUEST, complete_prob=None):
    generator.config["data"] = {"complete_prob": complete_prob}
    context = context_of(generator, held_out, protocol=PROTOCOL, skills=request)
    (benchmark,) = (benchmark for benchmark in (Skills(), SkillsInFull()) if benchmark.applies(context))
    return benchmark.measure(context)


@pytest.fixture(scope="module")
def perfect(held_out):
    return evaluated(oracle(held_out), held_out)


def test_an_oracle_has_every_skill_and_chance_is_low(perfect):
    rates = [figure for figure in perfect.figures if figure.group or figure.key == "legible"]
    assert {figure.value for figure in rates} == {1.0}
    assert {figure.reference for figure in rates if figure.reference is not None} == {1.0}
    whole = [figure for figure in rates if figure.chance is not None and figure.score != "atoms"]
    assert all(figure.chance <= 0.35 for figure in whole)
    assert perfect.figure("overall.geneval").chance < 0.15


def test_every_skill_of_the_world_has_both_scores_with_contents_and_intervals(perfect):
    for skill, name in NAMES.items():
        for score, label in (("geneval", ""), ("strict", ", strict")):
            figure = perfect.figure(f"{skill}.{score}")
            assert (figure is None) == (skill == "three_object")
            if figure:
                assert (figure.group, figure.score, figure.split) == (skill, score, "seen")
                assert (figure.name, figure.n) == (f"{name}{label}", 12)
                assert figure.interval is not None
                assert figure.hits.count("-") == len(perfect.clusters) - 12
    assert {f.interval_over for f in perfect.figures if f.interval} == {"prompts of these contents"}
    assert perfect.protocol["contents"]["single object"] == 6
    assert perfect.protocol["contents"]["colours"] == 12
    assert "single object 6, two objects 12" in perfect.notes[0]


def test_an_object_too_many_is_only_strictly_wrong(held_out):
    one = SkillsRequest(num_prompts=6)

    def crowded(scene):
        far = SceneObject("plus", "black", "small", 28.0 if scene.objects[0].x < 16 else 4.0, 27.0, 4.0)
        return replace(scene, objects=(*scene.objects, far)) if len(scene.objects) == 1 else scene

    table = evaluated(oracle(held_out, one, crowded), held_out, one)
    assert table.figure("position.strict").value == 1
    assert table.figure("colors.geneval").value >= table.figure("colors.strict").value
    assert table.figure("colors.strict").value == table.figure("single_object.strict").value == 0


def test_a_deaf_generator_has_no_variety_and_no_skill(held_out):
    request = SkillsRequest(num_prompts=60)
    scene = PromptSet.of(held_out, SkillsRequest(num_prompts=2)).prompts[0].scenes[0]
    table = evaluated(generator_of(lambda sentence: render([scene])), held_out, request)
    assert table.figure("overall.geneval").value < 0.1
    assert table.figure("single_object.geneval").value == pytest.approx(table.figure("single_object.geneval").chance)
    assert table.figure("variety_colour").value == 0
    assert table.figure("variety_colour").reference > 0.8


def test_more_pictures_of_a_prompt_are_not_more_prompts(held_out):
    request = SkillsRequest(num_prompts=6, images_per_prompt=2)
    table = evaluated(oracle(held_out, request), held_out, request)
    assert table.figure("single_object.geneval").n == 12
    assert table.figure("single_object.geneval").contents == 6
    assert table.protocol["num"] == 12 * 8


def test_held_out_contents_stand_apart():
    held_out = data("data.hold_out=pairs")
    table = evaluated(oracle(held_out), held_out)
    assert table.figure("colors.geneval.unseen").value == table.figure("colors.strict.unseen").value == 1
    assert table.figure("colors.geneval.unseen").contents == 8
    assert table.figure("colors.geneval.unseen").interval_over == "contents never seen"
    assert table.figure("colors.geneval").interval_over == "prompts of these contents"
    assert table.figure("single_object.geneval.unseen") is None
    assert "no content of: single object, two objects" in table.notes[-1]


def test_prompts_that_training_never_resembled_say_so(held_out):
    assert any("out of distribution" in note for note in evaluated(oracle(held_out), held_out, complete_prob=1.0).notes)
    assert not any("out of" in note for note in evaluated(oracle(held_out), held_out, complete_prob=0.5).notes)


def test_full_sentences_are_asked_for_apart(held_out):
    request = SkillsRequest(num_prompts=6, full_sentences=True)
    table = evaluated(oracle(held_out, request), held_out, request, complete_prob=1.0)
    assert table.title == "Skills, asked in full sentences"
    assert table.figure("overall.strict").value == 1
    assert table.figure("variety_colour").value is None
    assert not any("out of distribution" in note for note in table.notes)


def test_examples_show_every_skill_in_turn(perfect):
    shown = {example.verdicts[0][0] for example in perfect.examples[:8]}
    assert shown == {NAMES[skill] for skill in NAMES if skill != "three_object"}


@pytest.mark.parametrize("wrong", [{"num_prompts": 1}, {"images_per_prompt": 0}])
def test_what_cannot_be_measured_is_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        SkillsRequest(**wrong)


def test_the_page_on_skills_names_every_figure(repository):
    page = (repository / "docs" / "skills.md").read_text(encoding="utf-8")
    assert not [name for name in NAMES.values() if f"`{name}`" not in page]
    for name in ("colors.strict", ".unseen", "overall.geneval", "variety_colour", "scene_in_training"):
        assert name in page
    for name in ("GenEval score", ", strict", ", unseen", ", atoms", ", product of atoms", "variety of", "legible"):
        assert name in page
