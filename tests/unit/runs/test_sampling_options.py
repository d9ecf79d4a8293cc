"""Sampling options as people type them."""

from dataclasses import dataclass

import pytest

from diptych.config import UserError
from diptych.runs.sampling_options import options_from, separated
from diptych.systems.sampling_options import SamplingOptions


@dataclass(frozen=True)
class Flow(SamplingOptions):
    steps: int = 20
    guidance_scale: float = 1.0
    solver: str = "euler"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: take at least one")


@dataclass(frozen=True)
class Interval(SamplingOptions):
    between: tuple[float, float] = (0.0, 1.0)


def test_options_and_sentences_are_told_apart():
    words = ["a red circle", "steps=4", "x = y", "solver=heun", "guidance_scale=2"]
    assert separated(words) == (["a red circle", "x = y"], {"steps": 4, "solver": "heun", "guidance_scale": 2})


def test_what_is_not_given_keeps_its_default():
    assert options_from(Flow, {"steps": 4, "guidance_scale": 2}) == Flow(steps=4, guidance_scale=2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"step": 4}, r"step=4: this run has no such sampling option; did you mean steps="),
        ({"steps": "many"}, r"steps='many': this sampling option is of type int"),
        ({"steps": True}, r"steps=True: .* int"),
        ({"steps": 0}, r"steps=0: take at least one"),
        ({"guidance_scale": float("nan")}, r"guidance_scale=nan: .* float"),
        ({"seed": 3}, r"seed=3: this run has no such sampling option; the command line has --seed"),
        ({"num_images": 3}, r"the command line has --num$"),
        ({"truncation": 1.0}, r"it has steps, guidance_scale, solver"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values, message):
    with pytest.raises(UserError, match=message):
        options_from(Flow, values)


def test_a_number_with_an_exponent_is_a_number():
    assert separated(["guidance_scale=1e-3", "steps=2E1"])[1] == {"guidance_scale": 0.001, "steps": 20.0}


def test_types_are_checked_where_annotations_are_postponed():
    later = dataclass(frozen=True)(
        type("Later", (SamplingOptions,), {"__annotations__": {"scale": "float"}, "scale": 1.0})
    )
    with pytest.raises(UserError, match=r"scale='abc': .* float"):
        options_from(later, {"scale": "abc"})


def test_lists_become_the_tuples_that_a_family_asks_for():
    assert options_from(Interval, {"between": [0.1, 0.9]}) == Interval((0.1, 0.9))


def test_an_option_with_a_name_of_generate_is_refused():
    taken = dataclass(frozen=True)(type("Taken", (SamplingOptions,), {"__annotations__": {"size": int}, "size": 1}))
    with pytest.raises(TypeError, match=r"Taken\.size: `generate` has an argument of this name"):
        options_from(taken, {})


def test_a_family_without_options_says_so():
    with pytest.raises(UserError, match="it has none"):
        options_from(SamplingOptions, {"steps": 4})
