"""Where a run may end: all of its devices at the same pause, or none of them."""

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
    """Of Lightning's Trainer, what a pause looks at."""

    should_stop = False


def test_a_signal_that_comes_while_the_others_are_asked_waits_for_the_next_pause(tmp_path, monkeypatch):
    signals = StopSignals()
    pause = StopCallback(signals, RunFolder(tmp_path))

    def asked(number, device):
        """What all devices have heard; this one hears something only now."""
        signals.received = signal.SIGTERM
        return number

    monkeypatch.setattr(pauses, "largest", asked)
    pause.on_validation_end(Training(), Device())
    with pytest.raises(Stopped):
        pause.on_validation_end(Training(), Device())
