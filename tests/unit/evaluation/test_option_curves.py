"""Figures against a sampling option, from whatever evaluations a run was given."""

import pytest

from diptych.evaluation.option_curves import option_curves
from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.run.report import RunStory, run_page

USUAL = {"steps": 20, "guidance_scale": 1.0, "solver": "heun", "ema": None}


def measured(value, *, kind="generation", num=100, images_seen=64, **sampling):
    protocol = {"run": "r", "checkpoint": "best", "images_seen": images_seen, "num": num, "commit": str(value)}
    figure = Figure("scene_accuracy", value, num, (max(value - 0.1, 0.0), value + 0.1))
    return Evaluation(kind, kind.title(), {**protocol, "sampling": {**USUAL, **sampling}}, [figure])


def test_a_curve_is_of_one_option_all_else_alike():
    results = [measured(0.2, steps=1), measured(0.5, steps=4), measured(0.9), measured(0.7, guidance_scale=2.0)]
    results += [measured(0.1, num=10, steps=50), measured(0.3, images_seen=32, steps=8)]
    (curve,) = option_curves(results)
    assert (curve.option, curve.benchmark, curve.figure) == ("steps", "Generation", "scene accuracy")
    assert {value: figure.value for value, figure in curve.points.items()} == {1: 0.2, 4: 0.5, 20: 0.9}


def test_the_last_result_of_a_value_counts_and_the_longest_curve():
    short = [measured(0.1, num=10, steps=steps) for steps in (1, 2, 4)]
    long = [measured(0.1 * steps, steps=steps) for steps in (1, 2, 4, 8)]
    (curve,) = option_curves([*long, *short, measured(0.35, steps=4)])
    assert {value: figure.value for value, figure in curve.points.items()} == pytest.approx(
        {1: 0.1, 2: 0.2, 4: 0.35, 8: 0.8}
    )


def test_two_values_are_no_curve_and_words_are_no_values():
    assert option_curves([measured(0.2, steps=1), measured(0.5)]) == []
    assert option_curves([measured(0.2, solver=name) for name in ("ddim", "heun", "euler")]) == []
    assert option_curves([Evaluation("captioning", "Captioning", {}, [])]) == []


def test_the_report_draws_it():
    story = RunStory(
        "r", "e", "done", {}, "", option_curves=option_curves([measured(s / 10, steps=s) for s in (1, 2, 4)])
    )
    page = run_page(story)
    assert "Sampling options" in page
    assert "scene accuracy (generation) against steps" in page
    assert "Sampling options" not in run_page(RunStory("r", "e", "done", {}, ""))
