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


def test_in_training_a_signal_waits_for_the_end_of_the_batch():
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


def test_signals_change_nothing_while_a_run_ends(caplog):
    with StopSignals() as signals:
        signals.deferred, signals.ignored_because = True, "saving"
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
    assert [record.message for record in caplog.records] == 3 * ["SIGTERM changes nothing: saving"]


def test_a_run_that_stops_at_once_ignores_further_signals():
    with StopSignals() as signals:
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert signals.received == signal.SIGTERM


def test_earlier_handlers_are_restored():
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
