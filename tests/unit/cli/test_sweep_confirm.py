"""The commands that `diptych sweep confirm` runs."""

from pathlib import Path

import pytest
from elsewhere import held_elsewhere
from fake_sweeps import FakeRun, fake_sweep, grid

import diptych.runs.lifecycle.processes
from diptych.cli.main import main


@pytest.fixture
def commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that ran, each with success; an evaluation prints a long table."""
    commands: list[list[str]] = []

    def carry_out(words, variables, stdout):
        commands.append(list(words))
        assert variables == {"DIPTYCH_OUTPUTS": str(tmp_path)}
        if words[0] == "train":
            fake_sweep(tmp_path, "lr-best", [FakeRun(["lr=2", "seed=1"], 0.5)])
        if words[0] == "evaluate":
            stdout.write("a long table\n" * 100)
        return 0

    monkeypatch.setattr(diptych.runs.lifecycle.processes, "carry_out", carry_out)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    return commands


def lr(outputs: Path, state: str = "done") -> None:
    runs = [FakeRun([f"lr={i}", "seed=0"], 0.1 * i, state=state if i == 1 else "done") for i in (1, 2)]
    fake_sweep(outputs, "lr", runs)


def test_confirm_trains_and_evaluates_the_best_trial_and_compares_the_sweep(tmp_path, commands_run, capsys):
    lr(tmp_path)
    assert main(["sweep", "confirm", "lr", "--objective", "val/scene_accuracy:max"]) == 0
    train, evaluate, compare = commands_run
    assert train == ["train", "-m", "--sweep", "lr-best", "lr=2", "trainer.threads=1", "seed=1,2,3"]
    assert evaluate == ["evaluate", "lr-best"]
    assert compare == ["compare", str(tmp_path / "sweeps" / "lr"), "--objective", "val/scene_accuracy:max"]
    assert "long table" not in capsys.readouterr().out
    assert "long table" in (tmp_path / "sweeps" / "lr-best" / "evaluations.txt").read_text()


def test_a_confirmed_sweep_is_only_compared(tmp_path, commands_run, capsys):
    grid(tmp_path, "lr", {"lr=1": [0.9], "lr=2": [0.1]})
    fresh = [FakeRun(["lr=1", "trainer.threads=1", f"seed={seed}"], 0.7, test_result=0.6) for seed in (1, 2, 3)]
    fake_sweep(tmp_path, "lr-best", fresh)
    assert main(["sweep", "confirm", "lr"]) == 0
    assert [words[0] for words in commands_run] == ["compare"]
    assert "confirmed already" in capsys.readouterr().out


def test_a_running_sweep_cannot_be_confirmed(tmp_path, commands_run, capsys):
    lr(tmp_path)
    with held_elsewhere(tmp_path / "sweeps" / "lr" / "controller.lock"):
        assert main(["sweep", "confirm", "lr"]) == 2
    assert "its best trial may change" in capsys.readouterr().err
    assert not commands_run


def test_confirm_names_unfinished_runs(tmp_path, commands_run, capsys):
    lr(tmp_path, state="stopped")
    assert main(["sweep", "confirm", "lr"]) == 0
    assert "unfinished, so the best trial may change: " in capsys.readouterr().out


def test_only_confirm_takes_an_objective(tmp_path, commands_run, capsys):
    lr(tmp_path)
    assert main(["sweep", "status", "lr", "--objective", "val/scene_accuracy:max"]) == 2
    assert "sweep confirm" in capsys.readouterr().err
