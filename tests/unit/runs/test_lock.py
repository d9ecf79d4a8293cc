"""A lock belongs to one process and does not outlive it."""

import os
import signal
import subprocess
import sys

import pytest

from diptych.runs.folder import lock
from diptych.runs.folder.lock import LockHeld, is_locked, locked

HOLDER = """
import os, sys, time
from pathlib import Path
from diptych.runs.folder.lock import locked
with locked(Path(sys.argv[1])):
    worker = os.fork()
    if not worker:
        time.sleep(60)
    print(worker, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A lock that another process holds, that process, and the number of its forked worker."""
    path = tmp_path / "run.lock"
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    worker = int(process.stdout.readline())
    yield path, process, worker
    process.kill()
    process.wait()
    process.stdout.close()
    os.kill(worker, signal.SIGKILL)


def test_a_lock_is_held_by_one_process_at_a_time(held, monkeypatch):
    path, _, _ = held
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 0.1)
    assert is_locked(path)
    with pytest.raises(LockHeld, match=str(path)), locked(path):
        pass


def test_a_forked_worker_that_outlives_the_holder_does_not_keep_it(held):
    path, process, worker = held
    process.kill()
    process.wait()
    os.kill(worker, 0)  # it lives
    assert not is_locked(path)
    with locked(path):
        assert path.exists()


def test_a_lock_is_released_at_the_end_of_its_block(tmp_path):
    path = tmp_path / "run.lock"
    assert not is_locked(path)
    with locked(path):
        pass
    asks = f"""
from pathlib import Path
from diptych.runs.folder.lock import is_locked
print(is_locked(Path({str(path)!r})))
"""
    assert subprocess.check_output([sys.executable, "-c", asks], text=True).strip() == "False"
