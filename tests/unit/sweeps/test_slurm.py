"""What is made of SLURM's words, with commands that are played; `tests/cluster` has a real one."""

import sys
from dataclasses import fields
from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.runs.folder.status import FAILED, LOST, STOPPED
from diptych.sweeps.exit_status import End, outcome_of
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.slots import Slot
from diptych.sweeps.slurm import SlurmExecutor, SlurmSettings
from diptych.sweeps.slurm_node import is_noted
from diptych.sweeps.starts import Start
from hydra_plugins.diptych.launcher import SlurmLauncherConf

WISHES = {setting.name: getattr(SlurmLauncherConf(), setting.name) for setting in fields(SlurmSettings)}


class Played:
    """SLURM's commands as scripts that say what they are told to, and keep what they were asked."""

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
def played(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Played(tmp_path)


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


def outcome(folder: SweepFolder, end: End) -> str:
    return outcome_of(folder.jobs()[0], None, end, folder.log_of(folder.jobs()[0])).state


@pytest.mark.parametrize(
    ("state", "exit_code", "expected"),
    [
        ("CANCELLED", "0:15", STOPPED),
        ("OUT_OF_MEMORY", "0:125", FAILED),
        ("TIMEOUT", "0:1", LOST),
        ("NODE_FAIL", "0:0", LOST),
        ("PREEMPTED", "0:15", LOST),
        ("FAILED", "2:0", FAILED),
        ("FAILED", "137:0", LOST),  # so srun tells that its task was killed
        ("FAILED", "0:9", LOST),
        ("COMPLETED", "143:0", STOPPED),
    ],
)
def test_what_a_person_ended_stays_ended_and_what_slurm_ended_goes_on(
    played, executor, folder, state, exit_code, expected
):
    played.says("squeue", f"7_0 {state}")
    played.says("scontrol", f"JobId=7 JobState={state} ExitCode={exit_code} DerivedExitCode=0:0")
    assert executor.adopt("7_0") is None
    assert outcome(folder, executor.end_of("7_0")) == expected


def test_a_job_that_slurm_has_forgotten_is_lost(played, executor, folder):
    played.says("squeue", "8 RUNNING")
    played.says("scontrol", "", code=1)
    assert executor.adopt("7_0") is None
    assert outcome(folder, executor.end_of("7_0")) == LOST


def test_a_job_that_waits_again_is_under_way(played, executor):
    played.says("squeue", "7_0 PENDING\n7_1 COMPLETING\n7_2 RUNNING")
    works = [executor.adopt(handle) for handle in ("7_0", "7_1", "7_2")]
    assert [work.waits() for work in works] == [True, False, False]


def test_while_slurm_does_not_answer_nothing_has_ended(played, executor):
    played.says("squeue", "7 RUNNING")
    work = executor.adopt("7")
    played.says("squeue", "", code=1)
    assert not work.ended()


def test_where_slurm_never_answered_the_sweep_is_not_gone_on_with(played, executor):
    played.says("squeue", "", code=1)
    with pytest.raises(UserError, match="squeue does not answer"):
        executor.adopt("7")


def test_stopping_spares_a_run_the_signals_by_which_slurm_takes_machines_away(played, executor):
    played.says("squeue", "7 RUNNING")
    executor.adopt("7").stop()
    cancelled = [line for line in played.asked if line.startswith("scancel")]
    assert cancelled == ["scancel --state=PENDING 7", "scancel --signal=INT --state=RUNNING 7"]


def test_a_start_that_the_ledger_does_not_name_is_left_alone(folder):
    start = Start(folder.jobs()[0], folder, Slot(0))
    assert not is_noted(start, "7", patience_seconds=0)
    folder.ledger.append("started", job=0, handle="7", slot=0)
    assert is_noted(start, "7", patience_seconds=0)
    assert not is_noted(start, "6", patience_seconds=0)
    folder.ledger.append("ended", job=0, state=STOPPED, why="", progress=0)
    assert not is_noted(start, "7", patience_seconds=0)


def test_without_submitit_or_slurm_one_message_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'diptych\[slurm\]'"):
        SlurmExecutor().check()
    monkeypatch.setitem(sys.modules, "submitit", sys)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"no sbatch, srun, squeue, scancel, scontrol in PATH"):
        SlurmExecutor().check()


def test_a_job_that_would_be_told_to_save_before_it_begins_is_refused():
    with pytest.raises(UserError, match=r"signal_delay_s=120.*timeout_min=2"):
        SlurmSettings(**WISHES | {"timeout_min": 2})
