"""Devices must agree on every figure of a validation."""

from types import SimpleNamespace
from typing import Any

import torch

from diptych.runs import checkpoint_contents
from diptych.runs.checkpoint_contents import CheckpointContents


def refusal(monkeypatch, theirs: float) -> str:
    """The refusal of a validation that measured 1 here and `theirs` on another device; "" if it is accepted."""
    monkeypatch.setattr(checkpoint_contents, "gather_objects", lambda own: [own, {"val/scene_accuracy": theirs}])
    trainer: Any = SimpleNamespace(
        callback_metrics={"val/scene_accuracy": torch.tensor(1.0), "train/loss": torch.tensor(3.0)}
    )
    spec: Any = None
    signals: Any = SimpleNamespace()
    try:
        CheckpointContents({}, spec, "a-run", signals=signals, parts={}).on_validation_end(trainer, None)
    except ValueError as error:
        return str(error)
    return ""


def test_a_figure_that_differs_between_devices_is_refused(monkeypatch):
    assert "val/scene_accuracy differs between devices: log it with log_metrics" in refusal(monkeypatch, theirs=2.0)


def test_a_figure_that_is_equal_on_all_devices_is_accepted(monkeypatch):
    assert refusal(monkeypatch, theirs=1.0) == ""
