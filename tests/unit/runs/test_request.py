"""What is asked of a run: refused where it could change nothing, and kept apart where it changes what is measured."""

from types import SimpleNamespace

import pytest

from diptych.config import UserError
from diptych.runs.evaluation import summary_group
from diptych.runs.load import Painter, Recognizer, Teller
from diptych.runs.request import AS_USUAL, Request, refuse_what_would_be_ignored
from diptych.runs.results import Evaluation
from diptych.runs.skills import SkillsRequest

RUN = SimpleNamespace(run_id="some-run")
PAINTER, TELLER, RECOGNIZER = (kind(RUN, None, None) for kind in (Painter, Teller, Recognizer))


@pytest.mark.parametrize(
    ("handle", "asked", "partners", "says"),
    [
        (PAINTER, {"beam": 5}, (), r"paints; beam=5 goes with a teller \(--with\)"),
        (PAINTER, {"beam": 5}, (RECOGNIZER,), "beam=5 goes with a teller"),
        (TELLER, {}, (TELLER,), r"tells; another run \(--with\) goes with a painter"),
        (TELLER, {"features": "random"}, (), "features=random goes with a painter"),
        (TELLER, {"force": True}, (), "force goes with a painter"),
        (TELLER, {"skills": SkillsRequest(num_prompts=5)}, (), "choosing prompts of skills goes with a painter"),
        (RECOGNIZER, {"robustness": True}, (), "recognises; robustness goes with painters and tellers"),
        (RECOGNIZER, {"beam": 2}, (), "beam=2 goes with painters and tellers"),
    ],
)
def test_what_would_be_ignored_is_refused(handle, asked, partners, says):
    with pytest.raises(UserError, match=f"some-run {says}" if ";" in says else says):
        refuse_what_would_be_ignored(handle, Request(**asked), partners)


@pytest.mark.parametrize(
    ("handle", "asked", "partners"),
    [
        (PAINTER, {"beam": 5, "features": "random", "force": True, "robustness": True}, (RECOGNIZER, TELLER)),
        (TELLER, {"beam": 5, "robustness": True, "skills": None}, ()),
        (RECOGNIZER, {"skills": None}, ()),
    ],
)
def test_what_matters_may_be_asked(handle, asked, partners):
    refuse_what_would_be_ignored(handle, Request(**asked), partners)
    refuse_what_would_be_ignored(handle, AS_USUAL, ())


def test_one_example_is_too_few_and_a_split_has_a_name():
    with pytest.raises(UserError, match="num=1: at least two"):
        Request(num=1)
    with pytest.raises(UserError, match="split='train': evaluate on val or test"):
        Request(split="train")


@pytest.mark.parametrize(
    ("asked", "protocol", "name"),
    [
        ({}, {}, "loop/test"),
        ({"split": "val"}, {}, "loop/val"),
        ({"data": "digits", "num": 10, "seed": 3}, {}, "loop/digits/test/num 10/seed 3"),
        ({"beam": 5}, {"with": {"run": "one"}}, "loop/test/with one/beam 5"),
        ({"overrides": ("data.world.colours=[red]",)}, {}, "loop/test/data.world.colours=[red]"),
    ],
)
def test_results_of_other_requests_stand_beside_the_usual_one(asked, protocol, name):
    assert summary_group(Evaluation("loop", "The loop", protocol, ()), Request(**asked)) == name
