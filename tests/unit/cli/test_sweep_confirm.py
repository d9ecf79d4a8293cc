"""What `diptych sweep confirm` types for its user, and what it does not."""

from pathlib import Path

import pytest
from elsewhere import held_elsewhere
from playedsweeps import PlayedRun, grid, played

import diptych.runs.lifecycle.processes
from diptych.cli.main import main


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were carried out, each as if it had ended well; an evaluation prints a long table."""
    commands: list[list[str]] = []

    def carry_out(words, variables, stdout):
        commands.append(list(words))
        assert variables == {"DIPTYCH_OUTPUTS": str(tmp_path)}
        if words[0] == "train":
            played(tmp_path, "lr-winner", [PlayedRun(["lr=2", "seed=1"], 0.5)])
        if words[0] == "evaluate":
            stdout.write("a long table\n" * 100)
        return 0

    monkeypatch.setattr(diptych.runs.lifecycle.processes, "carry_out", carry_out)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path))
    return commands


def lr(outputs: Path, state: str = "done") -> None:
    runs = [PlayedRun([f"lr={i}", "seed=0"], 0.1 * i, state=state if i == 1 else "done") for i in (1, 2)]
    played(outputs, "lr", runs)


def test_the_leader_is_trained_anew_and_evaluated_and_the_sweep_compared(tmp_path, typed, capsys):
    lr(tmp_path)
    assert main(["sweep", "confirm", "lr", "--objective", "val/scene_accuracy:max"]) == 0
    train, evaluate, compare = typed
    assert train == ["train", "-m", "--sweep", "lr-winner", "lr=2", "trainer.threads=1", "seed=1,2,3"]
    assert evaluate == ["evaluate", "lr-winner"]
    assert compare == ["compare", str(tmp_path / "sweeps" / "lr"), "--objective", "val/scene_accuracy:max"]
    assert "long table" not in capsys.readouterr().out
    assert "long table" in (tmp_path / "sweeps" / "lr-winner" / "evaluations.txt").read_text()


def test_what_is_confirmed_is_only_compared(tmp_path, typed, capsys):
    grid(tmp_path, "lr", {"lr=1": [0.9], "lr=2": [0.1]})
    fresh = [PlayedRun(["lr=1", "trainer.threads=1", f"seed={seed}"], 0.7, tested=0.6) for seed in (1, 2, 3)]
    played(tmp_path, "lr-winner", fresh)
    assert main(["sweep", "confirm", "lr"]) == 0
    assert [words[0] for words in typed] == ["compare"]
    assert "confirmed already" in capsys.readouterr().out


def test_a_sweep_under_way_has_no_winner_yet(tmp_path, typed, capsys):
    lr(tmp_path)
    with held_elsewhere(tmp_path / "sweeps" / "lr" / "controller.lock"):
        assert main(["sweep", "confirm", "lr"]) == 2
    assert "another may yet lead" in capsys.readouterr().err
    assert not typed


def test_runs_that_are_not_over_are_told(tmp_path, typed, capsys):
    lr(tmp_path, state="stopped")
    assert main(["sweep", "confirm", "lr"]) == 0
    assert "not over, and might yet lead: " in capsys.readouterr().out


def test_an_objective_is_for_confirming_alone(tmp_path, typed, capsys):
    lr(tmp_path)
    assert main(["sweep", "status", "lr", "--objective", "val/scene_accuracy:max"]) == 2
    assert "sweep confirm" in capsys.readouterr().err
