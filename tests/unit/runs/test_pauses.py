"""Where a run may end: all of its devices at the same pause, or none of them."""

import signal

import pytest
import torch

from diptych.runs import pauses
from diptych.runs.folder import RunFolder
from diptych.runs.pauses import Pauses
from diptych.runs.stopping import Stopped, StopSignals


class Device:
    device = torch.device("cpu")


class Training:
    """Of Lightning's Trainer, what a pause looks at."""

    should_stop = False


def test_a_signal_that_comes_while_the_others_are_asked_waits_for_the_next_pause(tmp_path, monkeypatch):
    signals = StopSignals()
    pause = Pauses(signals, RunFolder(tmp_path))

    def asked(number, device):
        """What all devices have heard; this one hears something only now."""
        signals.received = signal.SIGTERM
        return number

    monkeypatch.setattr(pauses, "largest", asked)
    pause.on_validation_end(Training(), Device())
    with pytest.raises(Stopped):
        pause.on_validation_end(Training(), Device())
