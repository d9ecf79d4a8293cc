"""What devices must agree on."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diptych.runs import recorder
from diptych.runs.recorder import Recorder


def validated(monkeypatch, theirs: float) -> None:
    """A validation that measured 1 here, and this on another device."""
    monkeypatch.setattr(recorder, "gather_objects", lambda own: [own, {"val/true": theirs}])
    trainer: Any = SimpleNamespace(callback_metrics={"val/true": torch.tensor(1.0), "train/loss": torch.tensor(3.0)})
    spec: Any = None
    Recorder({}, spec, "a-run", signals=SimpleNamespace()).on_validation_end(trainer, None)


def test_a_figure_that_differs_between_devices_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="val/true differs between devices: log it with log_metrics"):
        validated(monkeypatch, theirs=2.0)


def test_a_figure_that_all_devices_share_is_taken(monkeypatch):
    validated(monkeypatch, theirs=1.0)
