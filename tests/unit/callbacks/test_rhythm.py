import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.callbacks import Budget, EarlyStopping
from diptych.callbacks.best import Best
from diptych.callbacks.rhythm import Every, Pace, Stopwatch


@given(interval=st.integers(1, 50), batch=st.integers(1, 50), steps=st.integers(1, 60), cut=st.integers(0, 60))
def test_a_resume_does_not_shift_an_interval(interval, batch, steps, cut):
    def due(first, last):
        every = Every(interval, "key")
        every.start(first * batch)
        return [step for step in range(first + 1, last + 1) if every.due(step * batch)]

    cut = min(cut, steps)
    assert due(0, cut) + due(cut, steps) == due(0, steps)
    assert len(due(0, steps)) == min(steps, steps * batch // interval) or batch < interval


@given(interval=st.integers(1, 50), batch=st.integers(1, 50))
def test_an_interval_is_due_at_the_first_batch_past_its_end(interval, batch):
    every = Every(interval, "key")
    every.start(0)
    first = next(step for step in range(1, 100) if every.due(step * batch))
    assert first == -(-interval // batch)


def test_an_interval_of_nothing_names_its_key():
    with pytest.raises(ValueError, match=r"callbacks\.samples\.every_images=0"):
        Every(0, "callbacks.samples.every_images")


@pytest.mark.parametrize("seconds", [0, 15, 60, 300])
def test_a_pace_forgets_the_past_by_e_per_minute(seconds):
    pace = Pace(0, now=0.0)
    for now in range(1, 2001):
        assert pace.update(100 * now, now) == pytest.approx(100)
    for now in range(1, seconds + 1):
        pace.update(200_000 + 10 * now, 2000 + now)
    before = math.exp(-seconds / 60)
    assert pace.update(200_000 + 10 * seconds, 2000 + seconds) == pytest.approx(100 * before + 10 * (1 - before))


def test_time_in_validation_does_not_lower_the_training_speed(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("diptych.callbacks.rhythm.time.monotonic", lambda: now[0])
    watch = Stopwatch()
    watch.start(100)
    now[0] = 2.0
    watch.pause()
    now[0] = 50.0
    watch.resume()
    now[0] = 52.0
    assert watch.lap(500) == pytest.approx(100.0)
    now[0] = 53.0
    assert watch.lap(530) == pytest.approx(30.0)


@pytest.mark.parametrize(("budget", "images"), [(40, 40), (41, 48), (1, 8)])
def test_a_run_stops_at_the_first_batch_that_spends_the_budget(toy, fit, budget, images):
    """Two optimisers step in each batch, so Lightning's own count of steps would stop halfway."""
    system = toy()
    fit(system, [Budget(budget_images=budget)])
    assert system.images_seen == images


@pytest.mark.parametrize(
    ("mode", "values", "best"), [("max", (1, 3, 2), 3), ("min", (3, 1, 2), 1), ("max", (2, float("nan")), 2)]
)
def test_the_best_is_the_best_of_all_validations(mode, values, best):
    record = Best("val/truth", mode)
    for images, value in enumerate(values):
        record.update({"val/truth": value}, images)
    assert record.value == best
    assert values[record.images] == best


def test_a_change_within_min_delta_is_no_improvement():
    record = Best("val/truth", "max", min_delta=0.1)
    assert record.update({"val/truth": 0.5}, 1)
    assert not record.update({"val/truth": 0.59}, 2)
    assert record.update({"val/truth": 0.61}, 3)


def test_a_figure_that_is_not_measured_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"monitor=val/turth: .* it measures val/loss, val/truth"):
        Best("val/turth", "max").update({"val/truth": 1, "val/loss": 2, "train/loss": 3}, 1)


def test_another_monitor_does_not_inherit_the_best_of_the_first():
    record = Best("val/truth", "max")
    record.update({"val/truth": 0.5}, 1)
    other = Best("val/loss", "min")
    other.load_state_dict(record.state_dict())
    assert other.value is None


def test_early_stopping_waits_its_patience_in_images(toy, fit):
    system = toy(truth=lambda images: min(images, 32))
    stopping = EarlyStopping(monitor="val/truth", mode="max", patience_images=24)
    fit(system, [Budget(budget_images=400), stopping], validate_every_batches=1)
    assert system.images_seen == 32 + 24


def test_early_stopping_without_patience_never_stops(toy, fit):
    system = toy(truth=lambda images: 0)
    fit(system, [Budget(budget_images=80), EarlyStopping(monitor=None, mode="max")], validate_every_batches=1)
    assert system.images_seen == 80


def test_patience_without_a_monitor_names_the_key():
    with pytest.raises(ValueError, match=r"callbacks\.early_stopping\.patience_images=10 .* add monitor="):
        EarlyStopping(monitor=None, mode="max", patience_images=10)
