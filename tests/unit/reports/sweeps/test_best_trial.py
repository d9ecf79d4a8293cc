"""The best trial: its rivals, its confirmation, and its commands."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from fake_sweeps import FakeRun, fake_sweep, grid
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from diptych.config.overrides import read_override
from diptych.metrics.statistics import holm
from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.best_trial import best_trial_of, command_lines
from diptych.reports.sweeps.files import analysis_of
from diptych.reports.sweeps.pareto import pareto_front, undominated
from diptych.sweeps.objective import SweepObjective

BEST, NEAR, FAR = [0.80, 0.82, 0.85, 0.81], [0.79, 0.83, 0.84, 0.80], [0.30, 0.31, 0.33, 0.29]


def test_rivals_are_tested_in_pairs_of_seeds_with_holms_correction(tmp_path: Path) -> None:
    best_trial = best_trial_of(read_sweep(grid(tmp_path, "pairs", {"lr=1": NEAR, "lr=2": BEST, "lr=3": FAR})))
    expected = holm([float(stats.ttest_rel(BEST, other).pvalue) for other in (NEAR, FAR)])
    assert [rival.p for rival in best_trial.rivals] == pytest.approx(expected)
    assert [trial.parameters["lr"] for trial in best_trial.indistinct] == [1]


def test_one_seed_each_gives_no_test(tmp_path: Path) -> None:
    analysis = analysis_of(grid(tmp_path, "single", {"lr=1": [0.1], "lr=2": [0.9]}))
    assert [rival.p for rival in analysis.best_trial.rivals] == [None]
    assert "One seed each" in analysis.text


def test_a_best_trial_that_others_tie_with_is_not_called_the_best(tmp_path: Path) -> None:
    analysis = analysis_of(grid(tmp_path, "ties", {"lr=1": [0.5], "lr=2": [0.1], "lr=3": [0.5], "lr=4": [0.5]}))
    assert [trial.number for trial in analysis.best_trial.ties] == [3, 4]
    assert "one of 3 best trials, not confirmed: #1" in analysis.text
    assert "It ties with #3, #4; the one that was planned first is named." in analysis.text
    assert analysis.values["best_trial"]["ties"] == [3, 4]
    alone = analysis_of(grid(tmp_path, "alone", {"lr=1": [0.5], "lr=2": [0.1]}))
    assert alone.best_trial.ties == []
    assert "ties" not in alone.text


def test_the_commands_are_those_of_the_best_trial_with_other_seeds(tmp_path: Path) -> None:
    strange = ["model=layered_gan", "+note='it''s, well'", "betas=[0.5,0.9]", "lr=1e-4"]
    best_trial = best_trial_of(read_sweep(grid(tmp_path, "quoted", {"lr=1": [0.1, 0.2]})))
    assert best_trial.reproduce == ("diptych", "train", "lr=1", "trainer.threads=1", "seed=1")
    assert best_trial.retrain[5:] == ("lr=1", "trainer.threads=1", "seed=2,3,4")
    assert best_trial.retrain[2:5] == ("-m", "--sweep", "quoted-best")
    best_trial = best_trial_of(read_sweep(fake_sweep(tmp_path, "strange", [FakeRun([*strange, "seed=3"], 0.4)])))
    assert best_trial.reproduce[2:] == (*strange, "trainer.threads=1", "seed=3")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), min_size=1))
def test_a_command_in_lines_is_the_same_command_to_a_shell(words: list[str]) -> None:
    lines = command_lines(words, 40)
    typed = "\n".join(lines).replace("\\\n", "")
    assert shlex.split(typed) == words
    assert all(len(line) <= 40 or len(line.split()) <= 2 for line in lines)


def test_three_fresh_seeds_on_the_test_split_confirm_the_best_trial(tmp_path: Path) -> None:
    folder = grid(tmp_path, "lr", {"lr=1": [0.9, 0.8], "lr=2": [0.1, 0.2]})

    def confirmed(name: str, arguments: list[str], results: list[float | None]) -> tuple[float, ...]:
        seeds = enumerate(results, start=2)
        runs = [
            FakeRun([*arguments, "trainer.threads=1", f"seed={seed}"], 0.7, test_result=value) for seed, value in seeds
        ]
        return best_trial_of(read_sweep(folder), read_sweep(fake_sweep(tmp_path, name, runs))).fresh

    assert confirmed("a", ["lr=1"], [0.5, 0.6, 0.7]) == (0.5, 0.6, 0.7)
    assert confirmed("b", ["lr=1"], [0.5, None, 0.7]) == (0.5, 0.7)
    assert confirmed("c", ["lr=2"], [0.5, 0.6, 0.7]) == ()
    again = grid(tmp_path, "d", {"lr=1": [0.9, 0.8]})
    assert best_trial_of(read_sweep(folder), read_sweep(again)).fresh == ()
    assert not analysis_of(folder).best_trial.is_confirmed
    confirmed("lr-best", ["lr=1"], [0.5, 0.6, 0.7])
    analysis = analysis_of(folder)
    assert analysis.best_trial.is_confirmed
    assert "confirmed on fresh seeds" in analysis.text
    assert "0.6" in analysis.text


def test_the_same_configuration_in_another_notation_confirms_the_best_trial(tmp_path: Path) -> None:
    run = FakeRun(["budget_images=1_000", "lr=1e-3", "betas=[0.5, 0.9]"], 0.9, extra={"trial": 0})
    folder = fake_sweep(tmp_path, "lr", [run])
    same = ["budget_images=1000", "lr=0.001", "betas=[0.5,0.9]", "trainer.threads=1"]
    fake_sweep(tmp_path, "lr-best", [FakeRun([*same, f"seed={seed}"], 0.7, test_result=0.6) for seed in (1, 2, 3)])
    assert analysis_of(folder).best_trial.is_confirmed


def test_the_best_trial_of_cross_validation_is_retrained_without_a_fold(tmp_path: Path) -> None:
    runs = [FakeRun(["lr=1", f"data.fold={fold}"], 0.5, extra={"trial": 0}) for fold in range(3)]
    best_trial = best_trial_of(read_sweep(fake_sweep(tmp_path, "folds", runs)))
    assert best_trial.reproduce[2:4] == ("lr=1", "data.fold=0")
    assert best_trial.retrain[5:] == ("lr=1", "trainer.threads=1", "seed=1,2,3")


def test_fresh_seeds_are_new_to_the_sweep(tmp_path: Path) -> None:
    table = read_sweep(fake_sweep(tmp_path, "seeds", [FakeRun([f"seed={seed}"], 0.1) for seed in (3, 11, 5)]))
    given_seeds = dict(filter(None, map(read_override, best_trial_of(table).retrain[5:-1])))
    assert best_trial_of(table).retrain[-1] == "seed=12,13,14"
    assert "seed" not in given_seeds


def test_the_front_has_the_rows_that_no_other_dominates() -> None:
    rng = np.random.default_rng(0)
    for dimensions in (1, 2, 3):
        scores = rng.integers(0, 6, (40, dimensions)).astype(float)
        slow = [
            not any(all(o >= s for o, s in zip(other, row, strict=True)) and any(other > row) for other in scores)
            for row in scores
        ]
        assert undominated(scores).tolist() == slow


def test_the_front_respects_the_direction_of_each_objective(tmp_path: Path) -> None:
    figures = {"a": (0.9, 30.0), "b": (0.7, 10.0), "c": (0.6, 20.0), "d": (0.8, 25.0)}
    runs = [FakeRun([f"x={name}"], best, seconds=seconds) for name, (best, seconds) in figures.items()]
    table = read_sweep(
        fake_sweep(tmp_path, "front", runs), [SweepObjective("val/scene_accuracy"), SweepObjective("seconds", "min")]
    )
    assert [trial.parameters["x"] for trial in pareto_front(table)] == ["a", "d", "b"]


def test_there_is_no_best_trial_if_all_failed(tmp_path: Path) -> None:
    runs = [FakeRun([f"lr={i}"], None, "failed", "out of memory", has_folder=False) for i in range(3)]
    analysis = analysis_of(fake_sweep(tmp_path, "failed", runs))
    assert analysis.best_trial is None
    assert analysis.text.count("out of memory") == 1
    assert "3 runs failed (#1, #2, #3)" in analysis.text
