"""Schedules that do not fit what is left of a budget are named."""

import pytest

from diptych.callbacks import Budget
from diptych.callbacks.schedule_fit import check_something_is_learned, misfit
from diptych.systems.schedules import Cosine, Linear, Trapezoid


@pytest.mark.parametrize("schedule", [Cosine(192), Linear(192, warmup_images=19), Trapezoid(192, 40), None])
def test_a_schedule_for_the_budget_fits(schedule):
    check_something_is_learned(schedule, 192)
    assert not misfit(schedule, 0, 192)
    assert not misfit(schedule, 191, 192)


@pytest.mark.parametrize("seen", [0, 64, 100])
@pytest.mark.parametrize("schedule", [Cosine(64), Linear(64), Trapezoid(64, decay_images=8)])
def test_learning_rates_of_zero_are_named_with_the_key(schedule, seen):
    said = misfit(schedule, seen, 192)
    first = max(seen, 64)
    assert f"learning rates are 0 from {first}" in said or f"learning rates are 0 from {first + 1}" in said
    assert said.endswith("schedule.total_images=64 does not follow the budget: set schedule.total_images=192")


@pytest.mark.parametrize("kind", [Cosine, Linear])
@pytest.mark.parametrize("warmup", [64, 10_000])
def test_a_warm_up_longer_than_the_budget_is_named(kind, warmup):
    said = misfit(kind(64, warmup_images=warmup + 1), 0, 64)
    assert "still rise when budget_images=64 ends" in said
    assert "reduce schedule.warmup_images, or increase budget_images" in said


def test_the_budget_of_one_step_is_a_trial():
    assert not misfit(Cosine(1, warmup_images=10_000), 0, 1)


def test_a_schedule_of_one_s_own_may_stay_low():
    assert not misfit(lambda images: 0.5, 0, 64)


def test_a_run_that_would_learn_nothing_is_refused():
    with pytest.raises(ValueError, match="all learning rates are 0 up to budget_images=64"):
        check_something_is_learned(lambda images: 0.0, 64)


@pytest.mark.parametrize(
    "values", [{"total_images": 0}, {"total_images": 8, "warmup_images": -1}, {"total_images": 8, "decay_images": 0}]
)
def test_impossible_schedules_are_refused_by_key(values):
    kind = Trapezoid if "decay_images" in values else Cosine
    with pytest.raises(ValueError, match=r"schedule\.\w+=(0|-1|8)"):
        kind(**values)


@pytest.mark.parametrize(("budget", "is_said"), [(64, True), (72, False), (80, False)])
def test_what_grows_for_longer_than_the_budget_is_named_by_its_key(toy, fit, caplog, budget, is_said):
    class Growing(toy):
        warmups = {"system.noise_warmup_images": 72}  # noqa: RUF012

    fit(Growing(), [Budget(budget_images=budget)])
    said = f"system.noise_warmup_images=72: budget_images={budget} ends before"
    assert (said in caplog.text) == is_said
