"""What follows other values still follows them when a run is resumed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.config import UserError
from diptych.config.changes import changed
from diptych.config.components import build
from diptych.config.composition import compose
from diptych.config.derived import DERIVED, left_behind, moved

CAPTIONER = ("model=cnn_rnn", "data=digits", "schedule.warmup_images=8")
SCHEDULES = {"linear": (), "cosine": (), "trapezoid": ("schedule.decay_images=16",)}


def planned(schedule: str, *overrides: str):
    return compose([*CAPTIONER, f"schedule={schedule}", *SCHEDULES[schedule], *overrides])


@pytest.fixture(scope="module", params=SCHEDULES)
def short(request):
    """A configuration for 64 images, and one for a million."""
    return tuple(planned(request.param, f"budget_images={budget}") for budget in (64, 1_000_000))


@settings(max_examples=20)
@given(st.integers(65, 10**7), st.lists(st.integers(0, 10**7), min_size=1))
def test_a_longer_run_has_the_learning_rates_of_a_run_planned_so(short, budget, images):
    parts = (  # the whole configuration would take ten times as long
        {key: config[key] for key in ("seed", "budget_images", "schedule", "data", DERIVED)} for config in short
    )
    resumed, new = (changed(config, [f"budget_images={budget}"]) for config in parts)
    before, after = (build(config["schedule"], "schedule") for config in (resumed, new))
    assert [before(seen) for seen in images] == [after(seen) for seen in images]


def test_the_composed_plan_is_the_planned_one(short):
    name = short[0]["schedule"]["_target_"].rpartition(".")[2].lower()
    assert changed(short[0], ["budget_images=4096"]) == planned(name, "budget_images=4096")


@pytest.mark.parametrize("end", ["64", "100"])
def test_a_value_set_by_hand_stays(end):
    config = planned("cosine", "budget_images=64", f"schedule.total_images={end}")
    longer = changed(config, ["budget_images=192"])
    assert longer["schedule"]["total_images"] == int(end)
    assert [line for line in moved(config, longer) if line.startswith("schedule")] == []


def test_a_value_changed_after_composing_stays():
    config = planned("cosine", "budget_images=64")
    config["schedule"]["total_images"] = 65
    assert changed(config, ["budget_images=192"])["schedule"]["total_images"] == 65


def test_a_value_set_at_a_resume_stays_from_then_on():
    config = changed(planned("cosine", "budget_images=64"), ["schedule.total_images=128"])
    assert changed(config, ["budget_images=192"])["schedule"]["total_images"] == 128


def test_everything_that_follows_moves_and_is_said():
    follows = ["schedule.warmup_images=${budget_images}", "callbacks.samples.every_images=${validate_every_images}"]
    config = planned("cosine", "budget_images=64", "validate_every_images=64", *follows)
    longer = changed(config, ["budget_images=192", "validate_every_images=96"])
    assert longer["schedule"]["warmup_images"] == longer["schedule"]["total_images"] == 192
    assert longer["callbacks"]["samples"]["every_images"] == 96
    assert sorted(moved(config, longer)) == [
        "callbacks.samples.every_images: 64 → 96, because it follows ${validate_every_images}",
        "schedule.total_images: 64 → 192, because it follows ${budget_images}",
        "schedule.warmup_images: 64 → 192, because it follows ${budget_images}",
    ]


def test_values_in_lists_follow_too():
    config = planned("cosine", "budget_images=64", "optimizer.betas=[0.5,${schedule.final}]")
    assert changed(config, ["schedule.final=0.25"])["optimizer"]["betas"] == [0.5, 0.25]


def test_a_resume_can_let_a_value_follow():
    config = planned("cosine", "budget_images=64", "schedule.total_images=64")
    following = changed(config, ["schedule.total_images=${budget_images}"])
    assert changed(following, ["budget_images=192"])["schedule"]["total_images"] == 192


def test_places_and_moments_are_never_resolved_again(monkeypatch, tmp_path):
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    config = compose(["model=mlp_gan", "data=digits"])
    monkeypatch.setenv("DIPTYCH_OUTPUTS", "elsewhere")
    assert changed(config, ["budget_images=7"])["paths"]["outputs"] == str(tmp_path)


def test_a_value_that_cannot_follow_is_named():
    config = planned("cosine", "budget_images=64")
    config[DERIVED] = {"schedule.total_images": "${double:${budget_images}}"}
    longer = changed(config, ["budget_images=192"])
    assert longer["schedule"]["total_images"] == 64
    assert left_behind(config, longer) == [
        "schedule.total_images=64 stays, though it was ${double:${budget_images}} when the run began"
    ]
    assert left_behind(config, changed(config, ["validate_every_images=5"])) == []


def test_keys_of_the_data_may_change_where_their_class_allows_it():
    config = planned("cosine")
    assert changed(config, ["data.num_workers=3"], ["data.num_workers"])["data"]["num_workers"] == 3
    with pytest.raises(UserError, match=r"data\.batch_size cannot change .*data\.num_workers can"):
        changed(config, ["data.batch_size=3"], ["data.num_workers"])
