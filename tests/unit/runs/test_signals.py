import os
import signal
import threading

import pytest

from diptych.runs.lifecycle.signals import Stopped, StopSignals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_before_training_a_signal_stops_at_once(number, code):
    with pytest.raises(Stopped) as stop, StopSignals():
        os.kill(os.getpid(), number)
    assert stop.value.code == code
    assert number.name in str(stop.value)


def test_in_training_a_signal_waits_for_the_next_pause():
    with StopSignals() as signals:
        signals.deferred = True
        signals.raise_if_received()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            signals.raise_if_received()


def test_a_second_signal_does_not_wait():
    with StopSignals() as signals:
        signals.deferred = True
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped) as stop:
            os.kill(os.getpid(), signal.SIGINT)
    assert stop.value.code == 130


def test_what_is_on_its_way_out_is_not_stopped_again(caplog):
    with StopSignals() as signals:
        signals.deferred, signals.unheeded = True, "saving"
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert [record.message for record in caplog.records] == 3 * ["SIGTERM changes nothing: saving"]


def test_stopping_at_once_is_not_stopped_again():
    with StopSignals() as signals:
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert signals.received == signal.SIGTERM


def test_the_handlers_of_before_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopSignals():
        assert signal.getsignal(signal.SIGINT) != before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_in_another_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGINT)

    def enter():
        with StopSignals() as signals:
            signals.install()
            seen.append(signal.getsignal(signal.SIGINT))

    seen = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]
