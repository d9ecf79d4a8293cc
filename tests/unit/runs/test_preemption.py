"""A run in a SLURM job: which signals take its machine away, and what it does then."""

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from diptych.runs import training
from diptych.runs.folder.find import find_run
from diptych.runs.folder.status import PREEMPTED, STOPPED
from diptych.runs.lifecycle import preemption
from diptych.runs.lifecycle import record as recording
from diptych.runs.lifecycle.preemption import TAKING, await_the_end, in_slurm_job, is_preemption
from diptych.runs.lifecycle.signals import Stopped, StopSignals


@pytest.fixture
def job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("DIPTYCH_HANDLE", "7_1")


@pytest.fixture(autouse=True)
def _handlers_of_before():
    before = {number: signal.getsignal(number) for number in TAKING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def asked(monkeypatch):
    """What SLURM is asked, which it does."""
    commands: list[list[str]] = []
    monkeypatch.setattr(preemption.subprocess, "run", lambda command, **_: commands.append(command))
    return commands


def test_only_jobs_that_a_sweep_has_submitted_are_preempted(job, monkeypatch):
    assert in_slurm_job()
    assert all(is_preemption(number) for number in TAKING)
    assert not is_preemption(signal.SIGINT)
    monkeypatch.setenv("DIPTYCH_HANDLE", "run.1")  # a job of another cluster, inside of one of SLURM's
    assert not in_slurm_job()
    monkeypatch.delenv("DIPTYCH_HANDLE")  # a run that somebody has typed there
    assert not is_preemption(signal.SIGTERM)


def test_slurm_may_repeat_itself_without_interrupting_the_save(job):
    with StopSignals() as signals:
        signals.deferred = True
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
        with pytest.raises(Stopped) as stop:
            signals.raise_if_received()
    assert stop.value.signum == signal.SIGUSR2


def test_what_comes_after_the_last_step_does_not_keep_a_run_from_saying_that_it_is_done(job):
    with StopSignals():
        pass
    for number in TAKING:
        os.kill(os.getpid(), number)
    assert [signal.getsignal(number) for number in TAKING] == [signal.SIG_IGN] * len(TAKING)


def test_signals_that_came_too_early_are_heard_once_the_run_can_save(job):
    signal.pthread_sigmask(signal.SIG_BLOCK, TAKING)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    with pytest.raises(Stopped), StopSignals():
        pass


def test_when_preempted_it_waits_and_asks_nothing(job, asked):
    waited = []
    await_the_end(signal.SIGTERM, has_saved=False, sleep=waited.append)
    assert (waited, asked) == ([preemption.LONGEST_GRACE_SECONDS], [])
    os.kill(os.getpid(), signal.SIGTERM)  # does nothing any more


def test_when_its_time_is_over_it_asks_to_be_queued_again_if_that_helps(job, asked):
    waited = []
    await_the_end(signal.SIGUSR2, has_saved=False, sleep=waited.append)
    assert (waited, asked) == ([], [])
    await_the_end(signal.SIGUSR2, has_saved=True, sleep=waited.append)
    assert len(waited) == 1
    assert asked == [["scontrol", "requeue", "8"]]


def test_where_slurm_queues_nothing_again_it_leaves(job, monkeypatch, caplog):
    def refuse(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr="Requested operation is presently disabled")

    monkeypatch.setattr(preemption.subprocess, "run", refuse)
    await_the_end(signal.SIGUSR2, has_saved=True, sleep=lambda _: pytest.fail("waited"))
    assert "presently disabled" in caplog.text


@pytest.mark.parametrize(("number", "state"), [(signal.SIGTERM, PREEMPTED), (signal.SIGINT, STOPPED)])
def test_a_run_says_that_it_was_preempted_before_it_waits(job, tiny, monkeypatch, number, state):
    config = tiny("tiny_gan", "budget_images=640")
    config["callbacks"]["strike"] = {"_target_": "tinyparts.Strike", "images": 320, "signum": int(number)}
    seen = []

    def look(signum, has_saved):
        status = find_run("latest", Path(config["paths"]["outputs"])).read_status()
        seen.append((signum, has_saved, status.status, status.images_seen, status.handle))

    monkeypatch.setattr(recording, "await_the_end", look)
    with pytest.raises(Stopped):
        training.train(config)
    assert seen == ([(number, True, PREEMPTED, 320, "7_1")] if state == PREEMPTED else [])
