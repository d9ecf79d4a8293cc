"""What is asked of a run: refused where it could change nothing, and kept apart where it changes what is measured."""

import argparse
import hashlib
from types import SimpleNamespace

import pytest

from diptych.cli.evaluate import add_arguments, skills_request
from diptych.config import UserError
from diptych.evaluation.evaluate import summary_group
from diptych.evaluation.request import AS_USUAL, Request, check_skills, refuse_what_would_be_ignored
from diptych.evaluation.results import Evaluation
from diptych.evaluation.skills.skills import SkillsRequest
from diptych.runs.load import ImageCaptioner, ImageClassifier, ImageGenerator
from diptych.world import WorldSpec

RUN = SimpleNamespace(run_id="some-run")
GENERATOR, CAPTIONER, CLASSIFIER = (kind(RUN, None, None) for kind in (ImageGenerator, ImageCaptioner, ImageClassifier))


@pytest.mark.parametrize(
    ("handle", "asked", "partners", "says"),
    [
        (GENERATOR, {"beam": 5}, (), r"generates; beam=5 goes with a captioner \(--with\)"),
        (GENERATOR, {"beam": 5}, (CLASSIFIER,), "beam=5 goes with a captioner"),
        (CAPTIONER, {}, (CAPTIONER,), r"tells; another run \(--with\) goes with a generator"),
        (CAPTIONER, {"features": "random"}, (), "features=random goes with a generator"),
        (CAPTIONER, {"force": True}, (), "force goes with a generator"),
        (CAPTIONER, {"skills": SkillsRequest(num_prompts=5)}, (), "choosing prompts of skills goes with a generator"),
        (CLASSIFIER, {"robustness": True}, (), "classifies; robustness goes with generators and captioners"),
        (CLASSIFIER, {"beam": 2}, (), "beam=2 goes with generators and captioners"),
    ],
)
def test_what_would_be_ignored_is_refused(handle, asked, partners, says):
    with pytest.raises(UserError, match=f"some-run {says}" if ";" in says else says):
        refuse_what_would_be_ignored(handle, Request(**asked), partners)


@pytest.mark.parametrize(
    ("handle", "asked", "partners"),
    [
        (GENERATOR, {"beam": 5, "features": "random", "force": True, "robustness": True}, (CLASSIFIER, CAPTIONER)),
        (CAPTIONER, {"beam": 5, "robustness": True, "skills": None}, ()),
        (CLASSIFIER, {"skills": None}, ()),
    ],
)
def test_what_matters_may_be_asked(handle, asked, partners):
    assert refuse_what_would_be_ignored(handle, Request(**asked), partners) is None
    assert refuse_what_would_be_ignored(handle, AS_USUAL, ()) is None


def test_one_example_is_too_few_and_a_split_has_a_name():
    with pytest.raises(UserError, match="num=1: at least two"):
        Request(num=1)
    with pytest.raises(UserError, match="num=10000001: give at most 10,000,000"):
        Request(num=10_000_001)
    for seed in (-1, 2**63):
        with pytest.raises(UserError, match=f"seed={seed}: give a whole number from 0"):
            Request(seed=seed)
    with pytest.raises(UserError, match="split='train': evaluate on val or test"):
        Request(split="train")


def digest(given: str) -> str:
    return hashlib.sha256(given.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("asked", "protocol", "name"),
    [
        ({}, {}, "loop/test"),
        ({"split": "val"}, {}, "loop/val"),
        ({"data": "digits", "num": 10, "seed": 3}, {}, "loop/digits/test/num 10/seed 3"),
        ({"beam": 5}, {"with": {"run": "one"}}, "loop/test/with one/beam 5"),
        ({"overrides": ("data.world.colours=[red]",)}, {}, "loop/test/data.world.colours=[red]"),
        (
            {"data": "/home/me/red", "overrides": ("data.root=~/d",)},
            {},
            f"loop/…/red {digest('/home/me/red')}/test/data.root=…/d {digest('data.root=~/d')}",
        ),
    ],
)
def test_results_of_other_requests_stand_beside_the_usual_one(asked, protocol, name):
    assert summary_group(Evaluation("loop", "Cycle consistency", protocol, ()), Request(**asked)) == name


@pytest.mark.parametrize("asked", [lambda path: {"data": path}, lambda path: {"overrides": (f"data.root={path}",)}])
def test_results_of_two_folders_of_one_name_stand_side_by_side(asked):
    one, other = (Request(**asked(f"{path}/pictures")) for path in ("/a", "/b"))
    loop = Evaluation("loop", "Cycle consistency", {}, ())
    assert summary_group(loop, one) != summary_group(loop, other)


def test_our_own_words_are_told_even_where_the_user_has_the_name_of_one(monkeypatch):
    monkeypatch.setenv("LOGNAME", "test")
    evaluation = Evaluation("test", "A test", {"with": {"run": "test"}}, ())
    asked = Request(data="test/test", num=10)
    assert summary_group(evaluation, asked) == f"test/…/… {digest('test/test')}/test/with test/num 10"


def asked(*words) -> SkillsRequest | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return skills_request(parser.parse_args(["RUN", *words]))


@pytest.mark.parametrize("words", [["--num-prompts", "250"], ["--images-per-prompt", "1"], ["--full-sentences"]])
def test_skills_are_left_out_or_chosen_but_not_both(words):
    assert isinstance(asked(*words), SkillsRequest)
    with pytest.raises(UserError, match=f"--no-skills leaves the skills out, and {words[0]} says"):
        asked("--no-skills", *words)


def test_skills_are_asked_as_the_command_says():
    assert asked() == SkillsRequest()
    assert asked("--no-skills") is None
    words = ("--num-prompts", "9", "--images-per-prompt", "3", "--full-sentences")
    assert asked(*words) == SkillsRequest(9, 3, True)


WITH_SENTENCES, WITHOUT = (
    ImageGenerator(RUN, None, SimpleNamespace(text_encoder=encoder)) for encoder in (object(), None)
)
DIGITS, SCENES = SimpleNamespace(name="digits", world=None), SimpleNamespace(name="scenes", world=WorldSpec())


@pytest.mark.parametrize(("generator", "data"), [(WITH_SENTENCES, DIGITS), (WITHOUT, SCENES)])
@pytest.mark.parametrize("skills", [SkillsRequest(9), SkillsRequest(250, 2), SkillsRequest(full_sentences=True)])
def test_prompts_are_not_chosen_where_no_skill_is_asked_for(generator, data, skills):
    with pytest.raises(UserError, match=f"some-run on {data.name} has no skills to choose prompts of"):
        check_skills(generator, Request(skills=skills), data)
    check_skills(WITH_SENTENCES, Request(skills=skills), SCENES)
    for usual in (None, SkillsRequest()):
        check_skills(generator, Request(skills=usual), data)
