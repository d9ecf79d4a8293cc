import time

import pytest
import torch
from pytorch_lightning import Callback

from diptych.callbacks import Budget, MetricsLog
from diptych.callbacks.core_time import core_seconds
from diptych.callbacks.metrics_log import CORE_SECONDS


def log(heard, every_images, budget):
    return [
        Budget(budget_images=budget),
        MetricsLog(trackers=heard, budget_images=budget, every_images=every_images),
    ]


def of_training(heard):
    return [(images, row) for images, row in heard.rows if "train/d_loss" in row]


def test_training_figures_are_logged_at_intervals_and_at_the_end(toy, fit, heard):
    fit(toy(), log(heard, 20, 72))
    assert [images for images, _ in of_training(heard)] == [24, 40, 64, 72]
    for images, row in of_training(heard):
        assert row["train/d_loss"] == pytest.approx(1 / images)


def test_validation_figures_are_logged_when_they_are_measured(toy, fit, heard):
    fit(toy(), log(heard, 10**6, 48), validate_every_batches=2)
    validations = [(images, row["val/truth"]) for images, row in heard.rows if "val/truth" in row]
    assert validations == [(images, pytest.approx(images / 1000)) for images in (16, 32, 48)]
    assert all(set(row) == {"val/truth"} for _, row in heard.rows if "val/truth" in row)


def test_speed_and_remaining_time_are_logged_with_the_losses(toy, fit, heard):
    fit(toy(), log(heard, 8, 32))
    rows = [row for _, row in of_training(heard)]
    assert all(row["train/images_per_second"] > 0 for row in rows)
    assert rows[0]["train/seconds_left"] > 0
    assert rows[-1]["train/seconds_left"] == 0


def test_steps_between_intervals_read_nothing(toy, fit, heard, monkeypatch):
    reads = []
    monkeypatch.setattr("diptych.callbacks.metrics_log.numbers", lambda _, prefix: reads.append(prefix) or {})
    fit(toy(), log(heard, 40, 80))
    assert reads == ["train/", "train/", "val/"]


class Moody(Callback):
    """Logs a second figure in some steps only, as systems do whose phases or turns differ."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if pl_module.images_seen in (8, 40):
            pl_module.step_figures["train/g_loss"] = torch.tensor(float(pl_module.images_seen))


def test_a_row_holds_the_figures_since_the_previous_row(toy, fit, heard):
    fit(toy(), [Moody(), *log(heard, 16, 64)])
    assert [(images, row.get("train/g_loss")) for images, row in of_training(heard)] == [
        (16, 8.0), (32, None), (48, 40.0), (64, None),
    ]  # fmt: skip


def test_figures_that_wait_for_their_row_survive_a_resume():
    waiting, resumed = (MetricsLog(trackers=None, budget_images=1, every_images=1) for _ in range(2))
    waiting.load_state_dict({"train/g_loss": 0.1})
    resumed.load_state_dict(waiting.state_dict())
    assert resumed.state_dict()["train/g_loss"] == pytest.approx(0.1)


def test_core_seconds_of_training_grow_and_go_on_from_the_checkpoint(toy, fit, heard):
    callback = MetricsLog(trackers=heard, budget_images=32, every_images=8)
    callback.load_state_dict({CORE_SECONDS: 100.0})
    fit(toy(), [Budget(budget_images=32), callback])
    seconds = [row[CORE_SECONDS] for _, row in of_training(heard)]
    assert seconds == sorted(seconds)
    assert 100 < seconds[0] < seconds[-1] <= callback.state_dict()[CORE_SECONDS]


class Burner(Callback):
    """Works hard in validations."""

    def on_validation_batch_end(self, *args, **kwargs):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass


def test_core_seconds_leave_validations_out(toy, fit, heard):
    before = core_seconds()
    callback = MetricsLog(trackers=heard, budget_images=32, every_images=8)
    fit(toy(), [Budget(budget_images=32), Burner(), callback], validate_every_batches=2)
    assert callback.state_dict()[CORE_SECONDS] <= core_seconds() - before - 0.6
