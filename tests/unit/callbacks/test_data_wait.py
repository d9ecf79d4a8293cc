"""A run whose data are too slow says so, once, with what to change."""

import time

import pytest
import torch

from diptych.callbacks import Budget, DataWait
from diptych.callbacks import data_wait as module


class Batches:
    """As a loader: it counts how long its batches are waited for."""

    def __init__(self, seconds):
        self.seconds, self.waited_seconds = seconds, 0.0

    def __iter__(self):
        while True:
            time.sleep(self.seconds)
            self.waited_seconds += self.seconds
            yield torch.zeros(8)


@pytest.mark.parametrize(("seconds", "warnings"), [(0.02, 1), (0.0, 0)])
def test_a_run_that_waits_for_data_says_so_once(toy, fit, caplog, monkeypatch, seconds, warnings):
    monkeypatch.setattr(module, "WINDOW_SECONDS", 0.1)

    class Slow(toy):
        def train_dataloader(self):
            return Batches(seconds)

    fit(Slow(), [Budget(budget_images=160), DataWait()])
    said = [record.getMessage() for record in caplog.records if "waited for data" in record.getMessage()]
    assert len(said) == warnings
    assert all("data.num_workers" in message for message in said)
