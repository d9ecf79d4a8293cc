"""Preemption: which signals announce it in a SLURM job, and what the run does then."""

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
from diptych.runs.lifecycle import record as run_record
from diptych.runs.lifecycle.preemption import PREEMPTION_SIGNALS, await_slurm, in_slurm_job, is_preemption
from diptych.runs.lifecycle.signals import Stopped, StopSignals


@pytest.fixture
def job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "8")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("DIPTYCH_HANDLE", "7_1")


@pytest.fixture(autouse=True)
def _handlers_of_before():
    before = {number: signal.getsignal(number) for number in PREEMPTION_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def asked(monkeypatch):
    """The commands that SLURM receives; all succeed."""
    commands: list[list[str]] = []
    monkeypatch.setattr(preemption.subprocess, "run", lambda command, **_: commands.append(command))
    return commands


def test_only_jobs_that_a_sweep_has_submitted_are_preempted(job, monkeypatch):
    assert in_slurm_job()
    assert all(is_preemption(number) for number in PREEMPTION_SIGNALS)
    assert not is_preemption(signal.SIGINT)
    monkeypatch.setenv("DIPTYCH_HANDLE", "run.1")  # a job of another cluster, inside a SLURM job
    assert not in_slurm_job()
    monkeypatch.delenv("DIPTYCH_HANDLE")  # a run that a person started there
    assert not is_preemption(signal.SIGTERM)


def test_repeated_signals_of_slurm_do_not_interrupt_the_save(job):
    with StopSignals() as signals:
        signals.deferred = True
        for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGTERM):
            os.kill(os.getpid(), number)
        with pytest.raises(Stopped) as stop:
            signals.raise_if_received()
    assert stop.value.signum == signal.SIGUSR2


def test_preemption_signals_after_the_last_step_are_ignored(job):
    with StopSignals():
        pass
    for number in PREEMPTION_SIGNALS:
        os.kill(os.getpid(), number)
    assert [signal.getsignal(number) for number in PREEMPTION_SIGNALS] == [signal.SIG_IGN] * len(PREEMPTION_SIGNALS)


def test_signals_that_were_blocked_arrive_when_the_run_starts(job):
    signal.pthread_sigmask(signal.SIG_BLOCK, PREEMPTION_SIGNALS)
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
    with pytest.raises(Stopped), StopSignals():
        pass


def test_a_preempted_run_waits_without_a_request(job, asked):
    waited = []
    await_slurm(signal.SIGTERM, has_saved=False, sleep=waited.append)
    assert (waited, asked) == ([preemption.LONGEST_GRACE_SECONDS], [])
    os.kill(os.getpid(), signal.SIGTERM)  # is ignored by now


def test_at_its_time_limit_a_run_requests_a_requeue_if_it_has_saved(job, asked):
    waited = []
    await_slurm(signal.SIGUSR2, has_saved=False, sleep=waited.append)
    assert (waited, asked) == ([], [])
    await_slurm(signal.SIGUSR2, has_saved=True, sleep=waited.append)
    assert len(waited) == 1
    assert asked == [["scontrol", "requeue", "8"]]


def test_where_slurm_refuses_the_requeue_the_run_does_not_wait(job, monkeypatch, caplog):
    def refuse(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr="Requested operation is presently disabled")

    monkeypatch.setattr(preemption.subprocess, "run", refuse)
    await_slurm(signal.SIGUSR2, has_saved=True, sleep=lambda _: pytest.fail("waited"))
    assert "presently disabled" in caplog.text


@pytest.mark.parametrize(("number", "state"), [(signal.SIGTERM, PREEMPTED), (signal.SIGINT, STOPPED)])
def test_a_run_records_its_preemption_before_it_waits(job, tiny, monkeypatch, number, state):
    config = tiny("tiny_gan", "budget_images=640")
    config["callbacks"]["strike"] = {"_target_": "tinyparts.Strike", "images": 320, "signum": int(number)}
    seen = []

    def look(signum, has_saved):
        status = find_run("latest", Path(config["paths"]["outputs"])).read_status()
        seen.append((signum, has_saved, status.status, status.images_seen, status.handle))

    monkeypatch.setattr(run_record, "await_slurm", look)
    with pytest.raises(Stopped):
        training.train(config)
    assert seen == ([(number, True, PREEMPTED, 320, "7_1")] if state == PREEMPTED else [])
