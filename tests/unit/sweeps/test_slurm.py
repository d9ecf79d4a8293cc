"""How SLURM's states are read, with scripted commands; `tests/cluster` has a real SLURM."""

import sys
from dataclasses import fields
from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.runs.folder.status import FAILED, LOST, STOPPED
from diptych.sweeps.exit_status import End, exit_status_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.slots import Slot
from diptych.sweeps.slurm import SlurmExecutor, SlurmSettings
from diptych.sweeps.slurm_node import is_noted
from diptych.sweeps.starts import Start
from hydra_plugins.diptych.launcher import SlurmLauncherConf

DEFAULTS = {setting.name: getattr(SlurmLauncherConf(), setting.name) for setting in fields(SlurmSettings)}


class ScriptedSlurm:
    """SLURM's commands as scripts with given answers; they record their calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for program in ("squeue", "scontrol", "scancel"):
            self.says(program, "")

    def says(self, program: str, words: str, code: int = 0) -> None:
        script = self.folder / program
        answer = "\n".join(f"echo '{line}'" for line in words.splitlines())
        script.write_text(f'#!/bin/sh\necho "{program} $*" >> {self.folder}/asked\n{answer}\nexit {code}\n')
        script.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return ScriptedSlurm(tmp_path)


@pytest.fixture
def executor(monkeypatch):
    monkeypatch.setattr(SlurmExecutor, "look_every_seconds", 0.0)
    return SlurmExecutor()


@pytest.fixture
def folder(tmp_path) -> SweepFolder:
    folder = SweepFolder(tmp_path / "outputs" / "sweeps" / "lr", tmp_path / "outputs")
    folder.path.mkdir(parents=True)
    folder.ledger.append("planned", job=0, run_id="run-0", arguments=["seed=0"])
    return folder


def state_after(folder: SweepFolder, end: End) -> str:
    return exit_status_of(folder.jobs()[0], None, end, folder.log_of(folder.jobs()[0])).state


@pytest.mark.parametrize(
    ("state", "exit_code", "expected"),
    [
        ("CANCELLED", "0:15", STOPPED),
        ("OUT_OF_MEMORY", "0:125", FAILED),
        ("TIMEOUT", "0:1", LOST),
        ("NODE_FAIL", "0:0", LOST),
        ("PREEMPTED", "0:15", LOST),
        ("FAILED", "2:0", FAILED),
        ("FAILED", "137:0", LOST),  # srun's code for a killed task
        ("FAILED", "0:9", LOST),
        ("COMPLETED", "143:0", STOPPED),
    ],
)
def test_a_job_that_a_person_ended_is_stopped_and_one_that_slurm_ended_is_lost(
    slurm, executor, folder, state, exit_code, expected
):
    slurm.says("squeue", f"7_0 {state}")
    slurm.says("scontrol", f"JobId=7 JobState={state} ExitCode={exit_code} DerivedExitCode=0:0")
    assert executor.adopt("7_0") is None
    assert state_after(folder, executor.end_of("7_0")) == expected


def test_a_job_that_slurm_has_forgotten_is_lost(slurm, executor, folder):
    slurm.says("squeue", "8 RUNNING")
    slurm.says("scontrol", "", code=1)
    assert executor.adopt("7_0") is None
    assert state_after(folder, executor.end_of("7_0")) == LOST


def test_a_requeued_job_is_adopted(slurm, executor):
    slurm.says("squeue", "7_0 PENDING\n7_1 COMPLETING\n7_2 RUNNING")
    works = [executor.adopt(handle) for handle in ("7_0", "7_1", "7_2")]
    assert [work.waits() for work in works] == [True, False, False]


def test_no_job_ends_while_slurm_does_not_answer(slurm, executor):
    slurm.says("squeue", "7 RUNNING")
    work = executor.adopt("7")
    slurm.says("squeue", "", code=1)
    assert not work.ended()


def test_a_sweep_does_not_resume_where_slurm_never_answers(slurm, executor):
    slurm.says("squeue", "", code=1)
    with pytest.raises(UserError, match="squeue does not answer"):
        executor.adopt("7")


def test_stop_avoids_the_signals_that_slurm_preempts_with(slurm, executor):
    slurm.says("squeue", "7 RUNNING")
    executor.adopt("7").stop()
    cancelled = [line for line in slurm.asked if line.startswith("scancel")]
    assert cancelled == ["scancel --state=PENDING 7", "scancel --signal=INT --state=RUNNING 7"]


def test_a_job_that_the_ledger_does_not_name_exits(folder):
    start = Start(folder.jobs()[0], folder, Slot(0))
    assert not is_noted(start, "7", patience_seconds=0)
    folder.ledger.append("started", job=0, handle="7", slot=0)
    assert is_noted(start, "7", patience_seconds=0)
    assert not is_noted(start, "6", patience_seconds=0)
    folder.ledger.append("ended", job=0, state=STOPPED, why="", progress=0)
    assert not is_noted(start, "7", patience_seconds=0)


def test_without_submitit_or_slurm_the_message_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'diptych\[slurm\]'"):
        SlurmExecutor().check()
    monkeypatch.setitem(sys.modules, "submitit", sys)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"no sbatch, srun, squeue, scancel, scontrol in PATH"):
        SlurmExecutor().check()


def test_a_signal_delay_longer_than_the_job_is_refused():
    with pytest.raises(UserError, match=r"signal_delay_s=120.*timeout_min=2"):
        SlurmSettings(**DEFAULTS | {"timeout_min": 2})
