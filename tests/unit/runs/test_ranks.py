"""Rank processes: the first process notices the failure of another, even if it hangs."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from diptych.runs.distributed import ranks
from diptych.runs.distributed.first_error import first_error, forget_errors, noted_errors
from diptych.runs.distributed.ranks import RankFailed, RankLost, RankProcesses, rank_processes
from diptych.runs.distributed.rendezvous import Rendezvous
from diptych.runs.distributed.topology import Topology
from diptych.runs.folder.layout import RunFolder

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder(tmp_path)


@pytest.fixture
def others_run(monkeypatch, tmp_path):
    """`others_run(program)`: rank processes run this Python program instead."""

    def replace(program: str) -> None:
        script = tmp_path / "other"
        script.write_text(f"#!/bin/sh\nexec {os.sys.executable} -c '{program}'\n")
        script.chmod(0o755)
        monkeypatch.setattr(ranks.sys, "executable", str(script))

    return replace


def rendezvous(folder: RunFolder) -> Rendezvous:
    return Rendezvous(str(folder.path), Topology(1, 1, 2))


def test_the_error_of_a_failed_process_names_its_last_log_line(folder, others_run):
    others_run('raise SystemExit("the data have run out")')
    with pytest.raises(RankFailed, match="process 1 of this run failed: the data have run out") as caught:
        beside_another(folder, error=None)
    assert not isinstance(caught.value, RankLost)


def test_the_cause_of_a_broken_connection_is_the_killed_process(folder, others_run):
    others_run("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(RankLost, match="process 1 of this run was killed by signal 9"):
        beside_another(folder, RuntimeError("gloo: Connection closed by peer"))


def test_a_diverged_run_does_not_blame_another_process(folder, others_run):
    """Every process finds the numbers and ends; a weight called `connection` is no connection."""
    others_run('raise SystemExit("FloatingPointError")')
    with pytest.raises(FloatingPointError):
        beside_another(folder, FloatingPointError("connection.weight is not a number"))


def test_the_error_that_was_raised_first_wins_whatever_the_others_say(folder, others_run):
    """The log of the process ends with what its connections had to say."""
    note(folder, 1, ValueError("the third column is missing"))
    others_run('raise SystemExit("gloo: Connection closed by peer")')
    with pytest.raises(RankFailed, match="process 1 of this run failed: ValueError: the third column is missing"):
        beside_another(folder, RuntimeError("gloo: Connection closed by peer"))


def test_an_error_that_is_noted_late_is_waited_for(folder, others_run):
    others_run("import time; time.sleep(600)")
    timer = threading.Timer(0.5, note, (folder, 1, ValueError("the third column is missing")))
    timer.start()
    with pytest.raises(RankFailed, match="ValueError: the third column is missing"):
        beside_another(folder, RuntimeError("gloo: Connection closed by peer"))


def test_of_several_processes_the_one_that_raised_is_named(folder, others_run):
    note(folder, 1, RuntimeError("gloo: Connection closed by peer"))
    note(folder, 2, ValueError("the third column is missing"))
    others_run("raise SystemExit(1)")
    with pytest.raises(RankFailed, match="process 2 of this run failed: ValueError"):
        beside_another(folder, RuntimeError("gloo: Connection closed by peer"), num_others=2)


def test_an_error_of_the_first_process_is_not_hidden_by_the_connections_that_it_breaks(folder, others_run):
    others_run("import time; time.sleep(0.5); raise SystemExit(1)")
    timer = threading.Timer(0.3, note, (folder, 1, RuntimeError("gloo: Connection closed by peer")))
    timer.start()
    with pytest.raises(RuntimeError, match="the data base: connection reset by peer") as caught:
        beside_another(folder, RuntimeError("the data base: connection reset by peer"))
    assert not isinstance(caught.value, RankFailed)


def test_the_notes_of_an_earlier_start_are_forgotten(folder):
    note(folder, 1, ValueError("the third column is missing"))
    forget_errors(folder)
    assert first_error(folder) is None


def test_signals_are_blocked_while_a_process_starts(folder, others_run):
    """SIGTERM is blocked; SIGUSR1, which stops no run outside of SLURM, is not."""
    others_run("import signal; raise SystemExit(str(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))))")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    started = RankProcesses(folder, lambda failure: None)
    started.start(rendezvous(folder))
    with pytest.raises(RankFailed) as caught:
        started.wait()
    assert all(name in str(caught.value) for name in ("SIGINT", "SIGTERM"))
    assert "SIGUSR1" not in str(caught.value)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_an_error_of_the_first_process_is_raised_as_it_is_and_ends_the_others(folder, others_run):
    others_run("import time; time.sleep(600)")
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the data have run out"):
        beside_another(folder, RuntimeError("the data have run out"))
    assert time.monotonic() - began < 5


def test_a_hanging_first_process_is_ended_after_the_grace_time(folder, others_run, monkeypatch):
    others_run("import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr(ranks, "GRACE_SECONDS", 0.2)
    waiting = FORK.Process(target=_wait_for_ever, args=(folder,))
    waiting.start()
    waiting.join(20)
    assert waiting.exitcode == 1
    assert (folder.path / "gave up").read_text() == "process 1 of this run was killed by signal 9"


def test_processes_that_do_not_end_after_training_are_killed(folder, others_run, monkeypatch):
    others_run("import time; time.sleep(600)")
    monkeypatch.setattr(ranks, "PATIENCE_SECONDS", 0.2)
    started = RankProcesses(folder, lambda failure: None)
    started.start(rendezvous(folder))
    with pytest.raises(RankFailed, match="process 1 of this run did not end"):
        started.wait()
    started.kill()
    assert started.failure() is not None


def test_a_rank_process_ends_when_the_first_one_is_gone():
    parent = FORK.Process(target=_leave_a_child_that_watches, args=(os.getpid(),))
    parent.start()
    parent.join()
    assert parent.exitcode == 0


def note(folder: RunFolder, rank: int, error: Exception) -> None:
    """What another process does when an error ends it."""
    with suppress(type(error)), noted_errors(folder, rank):
        raise error


def beside_another(folder: RunFolder, error: Exception | None, num_others: int = 1) -> None:
    """What the first process does while others run."""
    others = [Rendezvous(str(folder.path), Topology(rank, rank, 1 + num_others)) for rank in range(1, 1 + num_others)]
    with rank_processes(others, folder, lambda failure: None):
        if error:
            raise error


def _wait_for_ever(folder: RunFolder) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with rank_processes([rendezvous(folder)], folder, lambda failure: _note(folder.path, failure)):
        time.sleep(600)


def _note(path: Path, failure: RankFailed) -> None:
    (path / "gave up").write_text(str(failure))


def _leave_a_child_that_watches(_pid: int) -> None:
    child = os.fork()
    if child == 0:
        ranks.exit_with_parent(parent=-1)  # a parent that is no longer ours
        time.sleep(600)
    _, status = os.waitpid(child, 0)
    os._exit(0 if os.waitstatus_to_exitcode(status) == ranks.FAILED else 1)
