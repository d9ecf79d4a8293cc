"""Who leads, from whom it is told apart, what confirms it, and commands that do what they say."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playedsweeps import PlayedRun, grid, played
from scipy import stats

from diptych.config.overrides import read_override
from diptych.metrics.statistics import holm
from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.best_trial import command_lines, winner_of
from diptych.reports.sweeps.files import reading_of
from diptych.reports.sweeps.pareto import pareto_front, undominated
from diptych.reports.sweeps.trials import Objective

BEST, NEAR, FAR = [0.80, 0.82, 0.85, 0.81], [0.79, 0.83, 0.84, 0.80], [0.30, 0.31, 0.33, 0.29]


def test_rivals_are_tested_in_pairs_of_seeds_and_adjusted_together(tmp_path: Path) -> None:
    winner = winner_of(read_sweep(grid(tmp_path, "pairs", {"lr=1": NEAR, "lr=2": BEST, "lr=3": FAR})))
    expected = holm([float(stats.ttest_rel(BEST, other).pvalue) for other in (NEAR, FAR)])
    assert [rival.p for rival in winner.rivals] == pytest.approx(expected)
    assert [trial.parameters["lr"] for trial in winner.alike] == [1]


def test_one_seed_each_tells_nobody_apart(tmp_path: Path) -> None:
    reading = reading_of(grid(tmp_path, "single", {"lr=1": [0.1], "lr=2": [0.9]}))
    assert [rival.p for rival in reading.winner.rivals] == [None]
    assert "One seed each" in reading.text


def test_the_commands_are_the_leaders_own_with_other_seeds(tmp_path: Path) -> None:
    strange = ["model=layered_gan", "+note='it''s, well'", "betas=[0.5,0.9]", "lr=1e-4"]
    winner = winner_of(read_sweep(grid(tmp_path, "quoted", {"lr=1": [0.1, 0.2]})))
    assert winner.reproduce == ("diptych", "train", "lr=1", "trainer.threads=1", "seed=1")
    assert winner.retrain[5:] == ("lr=1", "trainer.threads=1", "seed=2,3,4")
    assert winner.retrain[2:5] == ("-m", "--sweep", "quoted-winner")
    winner = winner_of(read_sweep(played(tmp_path, "strange", [PlayedRun([*strange, "seed=3"], 0.4)])))
    assert winner.reproduce[2:] == (*strange, "trainer.threads=1", "seed=3")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1), min_size=1))
def test_a_command_in_lines_is_the_same_command_to_a_shell(words: list[str]) -> None:
    lines = command_lines(words, 40)
    typed = "\n".join(lines).replace("\\\n", "")
    assert shlex.split(typed) == words
    assert all(len(line) <= 40 or len(line.split()) <= 2 for line in lines)


def test_a_leader_is_confirmed_by_three_fresh_seeds_of_its_own_on_the_test_split(tmp_path: Path) -> None:
    folder = grid(tmp_path, "lr", {"lr=1": [0.9, 0.8], "lr=2": [0.1, 0.2]})

    def confirmed(name: str, arguments: list[str], tested: list[float | None]) -> tuple[float, ...]:
        seeds = enumerate(tested, start=2)
        runs = [
            PlayedRun([*arguments, "trainer.threads=1", f"seed={seed}"], 0.7, tested=value) for seed, value in seeds
        ]
        return winner_of(read_sweep(folder), read_sweep(played(tmp_path, name, runs))).fresh

    assert confirmed("a", ["lr=1"], [0.5, 0.6, 0.7]) == (0.5, 0.6, 0.7)
    assert confirmed("b", ["lr=1"], [0.5, None, 0.7]) == (0.5, 0.7)
    assert confirmed("c", ["lr=2"], [0.5, 0.6, 0.7]) == ()
    again = grid(tmp_path, "d", {"lr=1": [0.9, 0.8]})
    assert winner_of(read_sweep(folder), read_sweep(again)).fresh == ()
    assert not reading_of(folder).winner.is_confirmed
    confirmed("lr-winner", ["lr=1"], [0.5, 0.6, 0.7])
    reading = reading_of(folder)
    assert reading.winner.is_confirmed
    assert "confirmed on fresh seeds" in reading.text
    assert "0.6" in reading.text


def test_a_leader_is_confirmed_by_the_same_configuration_however_it_is_typed(tmp_path: Path) -> None:
    run = PlayedRun(["budget_images=1_000", "lr=1e-3", "betas=[0.5, 0.9]"], 0.9, extra={"trial": 0})
    folder = played(tmp_path, "lr", [run])
    same = ["budget_images=1000", "lr=0.001", "betas=[0.5,0.9]", "trainer.threads=1"]
    played(tmp_path, "lr-winner", [PlayedRun([*same, f"seed={seed}"], 0.7, tested=0.6) for seed in (1, 2, 3)])
    assert reading_of(folder).winner.is_confirmed


def test_a_winner_of_cross_validation_is_retrained_on_no_fold(tmp_path: Path) -> None:
    runs = [PlayedRun(["lr=1", f"data.fold={fold}"], 0.5, extra={"trial": 0}) for fold in range(3)]
    winner = winner_of(read_sweep(played(tmp_path, "folds", runs)))
    assert winner.reproduce[2:4] == ("lr=1", "data.fold=0")
    assert winner.retrain[5:] == ("lr=1", "trainer.threads=1", "seed=1,2,3")


def test_fresh_seeds_are_such_as_no_run_has_had(tmp_path: Path) -> None:
    table = read_sweep(played(tmp_path, "seeds", [PlayedRun([f"seed={seed}"], 0.1) for seed in (3, 11, 5)]))
    given_seeds = dict(filter(None, map(read_override, winner_of(table).retrain[5:-1])))
    assert winner_of(table).retrain[-1] == "seed=12,13,14"
    assert "seed" not in given_seeds


def test_the_front_is_what_no_row_beats_in_any_dimension() -> None:
    rng = np.random.default_rng(0)
    for dimensions in (1, 2, 3):
        scores = rng.integers(0, 6, (40, dimensions)).astype(float)
        slow = [
            not any(all(o >= s for o, s in zip(other, row, strict=True)) and any(other > row) for other in scores)
            for row in scores
        ]
        assert undominated(scores).tolist() == slow


def test_a_front_heeds_the_direction_of_each_objective(tmp_path: Path) -> None:
    figures = {"a": (0.9, 30.0), "b": (0.7, 10.0), "c": (0.6, 20.0), "d": (0.8, 25.0)}
    runs = [PlayedRun([f"x={name}"], best, seconds=seconds) for name, (best, seconds) in figures.items()]
    table = read_sweep(played(tmp_path, "front", runs), [Objective("val/scene_accuracy"), Objective("seconds", "min")])
    assert [trial.parameters["x"] for trial in pareto_front(table)] == ["a", "d", "b"]


def test_nobody_leads_where_all_failed(tmp_path: Path) -> None:
    runs = [PlayedRun([f"lr={i}"], None, "failed", "out of memory", has_folder=False) for i in range(3)]
    reading = reading_of(played(tmp_path, "failed", runs))
    assert reading.winner is None
    assert reading.text.count("out of memory") == 1
    assert "3 runs failed (#1, #2, #3)" in reading.text
