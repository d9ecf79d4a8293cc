"""What devices must agree on, and what a run goes on with."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.runs import recorder
from diptych.runs.randomness import random_states
from diptych.runs.recorder import Recorder


def recorder_of_a_run() -> Recorder:
    spec: Any = None
    return Recorder({}, spec, "a-run", signals=SimpleNamespace())


def refusal(monkeypatch, theirs: float) -> str:
    """What is said of a validation that measured 1 here, and this on another device; "" if it is taken."""
    monkeypatch.setattr(recorder, "gather_objects", lambda own: [own, {"val/true": theirs}])
    trainer: Any = SimpleNamespace(callback_metrics={"val/true": torch.tensor(1.0), "train/loss": torch.tensor(3.0)})
    try:
        recorder_of_a_run().on_validation_end(trainer, None)
    except ValueError as error:
        return str(error)
    return ""


def test_a_figure_that_differs_between_devices_is_refused(monkeypatch):
    assert "val/true differs between devices: log it with log_metrics" in refusal(monkeypatch, theirs=2.0)


def test_a_figure_that_all_devices_share_is_taken(monkeypatch):
    assert refusal(monkeypatch, theirs=1.0) == ""


@pytest.mark.parametrize("as_saved", [lambda states: [states], lambda states: states], ids=["now", "at first"])
def test_a_run_draws_what_it_would_have_drawn(as_saved, caplog):
    """Checkpoints of before there were several devices hold the states of one, and no list."""
    trainer: Any = None
    checkpoint = {"batches": 3, "random_states": as_saved(random_states())}
    expected = torch.rand(3)
    resumed = recorder_of_a_run()
    resumed.on_load_checkpoint(trainer, trainer, checkpoint)
    resumed.on_train_batch_start(trainer, SimpleNamespace(images_seen=0), None, 0)
    assert torch.equal(torch.rand(3), expected)
    assert not caplog.records
