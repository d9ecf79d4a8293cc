"""Validations and sample sheets come in runs of any length, and a run says where its budget shortens an interval."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.config.changes import changed
from diptych.config.composition import compose
from diptych.config.derived import moved
from diptych.config.rhythm import batches_between_validations, shortened, too_seldom, within_budget

RUN = ["model=mlp_gan", "data=digits"]


@pytest.mark.parametrize(
    ("budget", "validations", "samples"),
    [(500_000, 50_000, 20_000), (100_000, 20_000, 20_000), (6_000, 1_200, 1_200), (3, 1, 1)],
)
def test_the_shipped_intervals_are_at_most_a_fifth_of_the_budget(budget, validations, samples):
    config = compose([*RUN, f"budget_images={budget}"])
    assert config["validate_every_images"] == validations
    assert config["callbacks"]["samples"]["every_images"] == samples


def times(num_batches: int, between: int) -> int:
    """Validations of a run: after every so many batches, and at the end."""
    return math.ceil(num_batches / between)


@given(budget=st.integers(1, 10_000), batch=st.integers(1, 600), most=st.integers(1, 20_000))
def test_every_budget_has_five_validations_or_one_a_batch(budget, batch, most):
    every = within_budget(most, budget)
    num_batches = math.ceil(budget / batch)
    between = batches_between_validations(every, budget, batch)
    assert times(num_batches, between) >= min(5, num_batches)


@given(budget=st.integers(1, 10_000), batch=st.integers(1, 600), every=st.integers(1, 20_000))
def test_an_interval_of_ones_own_is_kept_to_the_nearest_batch(budget, batch, every):
    between = batches_between_validations(every, budget, batch)
    nearest = max(1, round(every / batch))
    assert between == nearest or times(math.ceil(budget / batch), nearest) < 5 <= budget / every
    assert between <= nearest


def test_a_run_says_which_intervals_its_budget_shortens():
    said = shortened(compose([*RUN, "budget_images=6_000"]))
    assert said == (
        "validate_every_images=1,200 and callbacks.samples.every_images=1,200: a fifth of budget_images=6,000, because "
        "the run is short"
    )
    assert "validate_every_images" not in shortened(compose([*RUN, "budget_images=200_001", "validate_every_images=7"]))


@pytest.mark.parametrize("more", [["budget_images=500_000"], ["validate_every_images=7", "~callbacks.samples"]])
def test_nothing_is_said_of_intervals_that_are_as_configured(more):
    assert shortened(compose([*RUN, "budget_images=6_000", *more])) == ""


def test_validations_that_a_budget_is_too_short_for_are_named_with_the_fix():
    said = too_seldom(compose([*RUN, "budget_images=6_000", "validate_every_images=8_000"]))
    assert "validate_every_images=8,000: budget_images=6,000 ends before" in said
    assert said.endswith("validate_every_images=1200")
    assert too_seldom(compose([*RUN, "budget_images=6_000", "validate_every_images=6_000"])) == ""
    assert too_seldom(compose([*RUN, "budget_images=1"])) == ""


def test_the_intervals_follow_a_larger_budget_and_a_resume_says_so():
    config = compose([*RUN, "budget_images=6_000"])
    longer = changed(config, ["budget_images=12_000"])
    assert longer["validate_every_images"] == longer["callbacks"]["samples"]["every_images"] == 2_400
    assert moved(config, longer)[0].startswith("validate_every_images: 1200 → 2400")
