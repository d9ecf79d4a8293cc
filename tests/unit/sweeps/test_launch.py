"""A sweep may resume with another launcher once no run of the earlier one is running."""

import subprocess
import sys

import pytest

from diptych.config import UserError
from diptych.runs.folder.status import DONE, LOST, RUNNING, process_handle
from diptych.sweeps.control import command_of
from diptych.sweeps.folder import SweepFolder, folder_override
from diptych.sweeps.launch import SweepFailed, launch
from diptych.sweeps.local import LocalExecutor, LocalWork
from diptych.sweeps.request import SweepRequest


class Elsewhere(LocalExecutor):
    """Another launcher, whose runs exit at once."""

    look_every_seconds = 0.01

    @property
    def description(self):
        return {"kind": "elsewhere"}

    def submit(self, starts):
        processes = [subprocess.Popen(["false"], start_new_session=True) for _ in starts]
        return [LocalWork(process_handle(process.pid), process) for process in processes]


@pytest.fixture
def folder(tmp_path) -> SweepFolder:
    folder = SweepFolder(tmp_path / "sweeps" / "lr", tmp_path)
    folder.path.mkdir(parents=True)
    folder.ledger.append("planned", job=0, run_id="run-0", arguments=["seed=0"])
    folder.write_request({"command": ["diptych"], "executor": {"kind": "local"}})
    return folder


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (["-m", "seed=0,1", folder_override("lr")], "diptych train --sweep lr -m seed=0,1"),
        (["-m", "seed=0,1"], "diptych train --sweep lr -m seed=0,1"),
        (["-m", "hydra.sweep.dir=elsewhere/lr"], "diptych train -m hydra.sweep.dir=elsewhere/lr"),
    ],
)
def test_the_shown_command_resumes_this_sweep(folder, monkeypatch, typed, again):
    monkeypatch.setattr(sys, "argv", ["/bin/diptych train", *typed])
    with pytest.raises(SweepFailed):
        launch(SweepRequest(), folder, Elsewhere())
    assert command_of(folder) == again


def test_a_call_may_leave_others_alone(folder):
    alone = SweepRequest([["seed=1"]], leaves_others=True)
    folder.ledger.append("planned", job=1, run_id="run-1", arguments=["seed=1"])
    assert [alone.takes(job) for job in folder.jobs()] == [False, True]
    assert all(SweepRequest([["seed=1"]]).takes(job) for job in folder.jobs())
    folder.ledger.append("ended", job=1, code=0, state=DONE, why="", progress=1)
    launch(alone, folder, Elsewhere())  # the other job is not done, and that is no failure of this call
    assert [job.starts for job in folder.jobs()] == [0, 0]


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_running_runs_of_another_launcher_are_waited_for(folder, sleeper):
    folder.ledger.append("started", job=0, handle=process_handle(sleeper.pid), slot=0)
    with pytest.raises(UserError, match=r"\(run-0; hydra/launcher=local\): wait for them.*hydra/launcher=elsewhere"):
        launch(SweepRequest(), folder, Elsewhere())
    assert folder.jobs()[0].state == RUNNING
    assert len(folder.calls()) == 1
    assert sleeper.poll() is None


def test_lost_runs_of_another_launcher_resume_with_this_one(folder, sleeper):
    folder.ledger.append("started", job=0, handle=process_handle(sleeper.pid), slot=0)
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(SweepFailed):
        launch(SweepRequest(), folder, Elsewhere())
    assert next(event["state"] for event in folder.ledger.read() if event["event"] == "ended") == LOST
    assert folder.jobs()[0].starts == 2
