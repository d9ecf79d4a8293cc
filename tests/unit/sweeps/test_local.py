"""Local processes and their memory limit."""

import subprocess
import sys
import time

import pytest

from diptych.config import UserError
from diptych.runs.folder.status import FAILED, process_handle
from diptych.sweeps import local
from diptych.sweeps.local import LocalExecutor, LocalWork
from diptych.sweeps.resident_memory import session_memory_gb

TAKES_A_QUARTER = "import time; kept = bytearray(b'x') * 2**28; print('taken', flush=True); time.sleep(60)"
LEAVES_IT_TO_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TAKES_A_QUARTER!r}])"


@pytest.fixture(params=[TAKES_A_QUARTER, LEAVES_IT_TO_A_CHILD], ids=["itself", "a child of it"])
def process(request):
    """A process that takes a quarter of a gigabyte."""
    with subprocess.Popen(
        [sys.executable, "-c", request.param], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout.readline() == b"taken\n"
        yield process
        work_of(process).kill()


def work_of(process, most_memory_gb: float | None = None) -> LocalWork:
    return LocalWork(process_handle(process.pid), process, most_memory_gb)


def test_memory_counts_a_process_and_its_children(process):
    assert 0.25 <= session_memory_gb(process.pid) < 0.3


def test_a_run_above_its_memory_limit_is_killed_and_failed(process, monkeypatch):
    monkeypatch.setattr(local, "MEASURE_EVERY_SECONDS", 0.0)
    enough, work = work_of(process, 0.5), work_of(process, 0.2)
    assert not enough.ended()
    while not work.ended():
        time.sleep(0.01)
    assert work.end().state == FAILED
    assert "GB of memory; hydra.launcher.memory_gb_per_run=0.2" in work.end().why
    assert enough.end().state == ""


@pytest.mark.parametrize("handle", ["20261122-abc.1", "7_1", ""])
def test_work_of_another_executor_is_not_adopted(handle):
    assert LocalExecutor().adopt(handle) is None


def test_a_memory_limit_of_zero_is_refused():
    with pytest.raises(UserError, match="memory_gb_per_run=0: give more"):
        LocalExecutor(most_memory_gb=0)


@pytest.mark.parametrize("way", ["stop", "kill", "ended"])
def test_a_run_that_ends_during_a_call_does_not_end_its_supervisor(way, monkeypatch):
    monkeypatch.setattr(local, "MEASURE_EVERY_SECONDS", 0.0)
    with subprocess.Popen(["true"], start_new_session=True) as process:
        handle = process_handle(process.pid)
    monkeypatch.setattr(local, "is_process", lambda *_: True)  # as if it were still running
    monkeypatch.setattr(local, "session_memory_gb", lambda _: 1.0)
    assert not getattr(LocalWork(handle, most_memory_gb=0.5), way)()
