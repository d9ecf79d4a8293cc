"""All devices of a run stop between the same batches, or none of them."""

import signal

import pytest
import torch

from diptych.runs.folder.layout import RunFolder
from diptych.runs.lifecycle import stop_callback as pauses
from diptych.runs.lifecycle.signals import Stopped, StopSignals
from diptych.runs.lifecycle.stop_callback import StopCallback


class Device:
    device = torch.device("cpu")


class Training:
    """The parts of Lightning's Trainer that the callback reads."""

    should_stop = False


def test_a_signal_that_comes_during_the_exchange_waits_for_the_next_batch(tmp_path, monkeypatch):
    signals = StopSignals()
    pause = StopCallback(signals, RunFolder(tmp_path))

    def asked(number, device):
        """No device has received a signal; this one receives it only now."""
        signals.received = signal.SIGTERM
        return number

    monkeypatch.setattr(pauses, "largest", asked)
    pause.on_validation_end(Training(), Device())
    with pytest.raises(Stopped):
        pause.on_validation_end(Training(), Device())
