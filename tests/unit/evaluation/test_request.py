"""What is asked of a run: refused where it could change nothing, and kept apart where it changes what is measured."""

import argparse
import hashlib
from types import SimpleNamespace

import pytest
from contexts import captioner_of, context_of, generator_of, run_of

from diptych.cli.evaluate import add_arguments, skills_request
from diptych.config import UserError
from diptych.evaluation.evaluate import summary_group
from diptych.evaluation.plan import planned
from diptych.evaluation.request import Request
from diptych.evaluation.results import Evaluation
from diptych.evaluation.skills.request import SkillsRequest
from diptych.evaluation.suite import SUITE
from diptych.world import WorldSpec

SCENES = SimpleNamespace(name="scenes", world=WorldSpec(), labels=(), spec=SimpleNamespace(labels=("red",)))
DIGITS = SimpleNamespace(name="digits", world=None, labels=None, spec=SimpleNamespace(labels=()))
GENERATOR, UNCONDITIONAL = (generator_of(str, takes_sentences=takes) for takes in (True, False))
CAPTIONER = captioner_of(iter)
LIKELIHOODS = captioner_of(iter, sentence_nats=len)
CLASSIFIER = run_of(classifications=iter, labels=("red",), data_spec=SimpleNamespace(world=WorldSpec().to_dict()))
SKILLED = SkillsRequest(num_prompts=5)


def plan_of(subject, asked, partners=(), held_out=SCENES) -> list[str]:
    """The kinds that will be measured."""
    context = context_of(subject, held_out, **asked)
    vars(context).update(network="random")
    return [one.benchmark.kind for one in planned(context, partners, SUITE)]


@pytest.mark.parametrize(
    ("subject", "asked", "partners", "says"),
    [
        (GENERATOR, {"beam": 5}, (), r"beam=5 goes with Captioning \(a captioner\), .*Cycle consistency \(.*--with"),
        (GENERATOR, {"beam": 5}, (CLASSIFIER,), "beam=5 goes with"),
        (CAPTIONER, {}, (CAPTIONER,), r"another run \(--with some-run\) goes with Cycle consistency \(a generator"),
        (GENERATOR, {}, (GENERATOR,), r"another run \(--with some-run\) goes with"),
        (CAPTIONER, {"features": "random"}, (), r"features=random goes with Generation \(a generator\)"),
        (CAPTIONER, {"force": True}, (), r"force goes with Generation \(a generator\)"),
        (CAPTIONER, {"against": "train"}, (), r"against=train goes with Generation \(a generator\)"),
        (CAPTIONER, {"skills": SKILLED}, (), r"choosing prompts of skills goes with Skills \(a generator of sentences"),
        (CLASSIFIER, {"robustness": True}, (), "robustness goes with Robustness of generation .* captioning"),
        (CLASSIFIER, {"beam": 2}, (), r"beam=2 goes with Captioning \(a captioner\)"),
        (CLASSIFIER, {"clip": "folder"}, (), r"clip=folder goes with CLIPScore \(a captioner\)"),
    ],
)
def test_what_would_be_ignored_is_refused(subject, asked, partners, says):
    with pytest.raises(UserError, match=f"some-run: .*{says}.*leave it out"):
        plan_of(subject, asked, partners)


@pytest.mark.parametrize(
    ("subject", "asked", "partners", "kinds"),
    [
        (
            GENERATOR,
            {"beam": 5, "features": "random", "force": True, "robustness": True, "skills": None},
            (CLASSIFIER, CAPTIONER),
            ["generation", "cycle", "agreement", "generation_robustness"],
        ),
        (GENERATOR, {}, (), ["generation", "skills"]),
        (GENERATOR, {"skills": SkillsRequest(full_sentences=True)}, (), ["generation", "skills_full"]),
        (GENERATOR, {}, (CAPTIONER, CAPTIONER), ["generation", "cycle", "cycle", "skills"]),
        (GENERATOR, {}, (LIKELIHOODS,), ["generation", "cycle", "skills"]),
        (UNCONDITIONAL, {}, (), ["generation"]),
        (
            CAPTIONER,
            {"beam": 5, "robustness": True, "skills": None},
            (),
            ["captioning", "grounding", "captioning_robustness"],
        ),
        (CAPTIONER, {}, (), ["captioning", "grounding"]),
        (CAPTIONER, {"clip": "."}, (), ["captioning", "grounding", "clip_score"]),
        (CLASSIFIER, {"skills": None}, (), ["classification"]),
    ],
)
def test_what_a_run_can_do_is_measured(subject, asked, partners, kinds):
    assert plan_of(subject, asked, partners) == kinds


def test_retrieval_is_measured_where_no_world_says_what_is_true():
    assert plan_of(GENERATOR, {}, (LIKELIHOODS,), DIGITS) == ["generation", "cycle", "retrieval"]
    assert plan_of(GENERATOR, {}, (CAPTIONER,), DIGITS) == ["generation", "cycle"]


@pytest.mark.parametrize(
    ("subject", "asked", "partners", "held_out", "says"),
    [
        (UNCONDITIONAL, {}, (CAPTIONER,), SCENES, "some-run generates without sentences.*leave out --with"),
        (UNCONDITIONAL, {}, (CLASSIFIER,), SCENES, "some-run generates without sentences.*leave out --with"),
        (UNCONDITIONAL, {"robustness": True}, (), SCENES, "some-run on scenes cannot be judged exactly"),
        (GENERATOR, {"robustness": True}, (), DIGITS, "some-run on digits cannot be judged exactly"),
        (CAPTIONER, {"robustness": True}, (), DIGITS, "some-run on digits cannot be judged exactly"),
        (GENERATOR, {}, (CLASSIFIER,), DIGITS, "digits has no exact scenes"),
        (CLASSIFIER, {}, (), DIGITS, "some-run finds 1 labels, and digits has none"),
        (CAPTIONER, {"clip": "nowhere"}, (), DIGITS, "clip=nowhere: there is no such folder"),
    ],
)
def test_what_cannot_be_measured_is_refused(subject, asked, partners, held_out, says):
    with pytest.raises(UserError, match=says):
        plan_of(subject, asked, partners, held_out)


def test_a_feature_network_that_is_not_there_is_refused_before_anything_is_generated(tmp_path, monkeypatch):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    with pytest.raises(UserError, match="there is no run 'incption'"):
        planned(context_of(GENERATOR, SCENES, features="incption"), (), SUITE)


def test_of_a_run_that_can_do_nothing_here_it_is_said_what_could_be():
    with pytest.raises(UserError, match=r"nothing that is measured applies to some-run; there is Generation \(a gen"):
        plan_of(run_of(), {})


def test_one_example_is_too_few_and_a_split_has_a_name():
    with pytest.raises(UserError, match="num=1: at least two"):
        Request(num=1)
    with pytest.raises(UserError, match="num=10000001: give at most 10,000,000"):
        Request(num=10_000_001)
    for seed in (-1, 2**63):
        with pytest.raises(UserError, match=f"seed={seed}: give a whole number from 0"):
            Request(seed=seed)
    with pytest.raises(UserError, match="split='dev': evaluate on val, test or train"):
        Request(split="dev")
    with pytest.raises(UserError, match="seen='drop': choose refuse, skip or keep"):
        Request(seen="drop")


def digest(given: str) -> str:
    return hashlib.sha256(given.encode()).hexdigest()[:8]


@pytest.mark.parametrize(
    ("asked", "protocol", "name"),
    [
        ({}, {}, "cycle/test"),
        ({"split": "val"}, {}, "cycle/val"),
        ({"data": "digits", "num": 10, "seed": 3}, {}, "cycle/digits/test/num 10/seed 3"),
        ({"beam": 5}, {"with": {"run": "one"}}, "cycle/test/with one/beam 5"),
        ({"against": "train", "seen": "skip"}, {}, "cycle/test/seen skip/against train"),
        ({"overrides": ("data.world.colours=[red]",)}, {}, "cycle/test/data.world.colours=[red]"),
        (
            {"data": "/home/me/red", "overrides": ("data.root=~/d",)},
            {},
            f"cycle/…/red {digest('/home/me/red')}/test/data.root=…/d {digest('data.root=~/d')}",
        ),
    ],
)
def test_results_of_other_requests_stand_beside_the_usual_one(asked, protocol, name):
    assert summary_group(Evaluation("cycle", "Cycle consistency", protocol, ()), Request(**asked)) == name


@pytest.mark.parametrize("asked", [lambda path: {"data": path}, lambda path: {"overrides": (f"data.root={path}",)}])
def test_results_of_two_folders_of_one_name_stand_side_by_side(asked):
    one, other = (Request(**asked(f"{path}/pictures")) for path in ("/a", "/b"))
    cycle = Evaluation("cycle", "Cycle consistency", {}, ())
    assert summary_group(cycle, one) != summary_group(cycle, other)


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


@pytest.mark.parametrize(("generator", "data"), [(GENERATOR, DIGITS), (UNCONDITIONAL, SCENES)])
@pytest.mark.parametrize("skills", [SkillsRequest(9), SkillsRequest(250, 2), SkillsRequest(full_sentences=True)])
def test_prompts_are_not_chosen_where_no_skill_is_asked_for(generator, data, skills):
    with pytest.raises(UserError, match=r"choosing prompts of skills goes with Skills .* a world of scenes"):
        plan_of(generator, {"skills": skills}, (), data)
    assert len(plan_of(GENERATOR, {"skills": skills})) == 2
    for usual in (None, SkillsRequest()):
        assert plan_of(generator, {"skills": usual}, (), data) == ["generation"]
