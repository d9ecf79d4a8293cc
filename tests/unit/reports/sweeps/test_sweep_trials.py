"""Trials and their ranking, also with missing, damaged and running runs."""

import json
from pathlib import Path

import numpy as np
import pytest
from fake_sweeps import MONITOR, FakeRun, fake_sweep, grid
from scipy import stats

from diptych.config import UserError
from diptych.reports.sweeps.analysis import read_sweep
from diptych.reports.sweeps.trials import GONE, SweptRun, ranks, table_of
from diptych.runs.folder.status import DAMAGED, DIVERGED, DONE, FAILED, LOST, PRUNED, RUNNING
from diptych.sweeps.objective import SweepObjective


def swept(number: int, figure: float | None = 0.5, state: str = DONE, seed: int = 0, **rest) -> SweptRun:
    settings = rest.pop("settings", {"lr": 0.1})
    arguments = rest.pop("arguments", (*(f"{k}={v}" for k, v in settings.items()), f"seed={seed}"))
    return SweptRun(number, f"run-{number}", arguments, settings, seed, state, figures=(figure,), **rest)


def test_runs_that_differ_only_by_seed_are_one_trial_with_students_interval(tmp_path: Path) -> None:
    values = [0.61, 0.64, 0.7]
    table = read_sweep(grid(tmp_path, "lr", {"lr=1e-4": values, "lr=1e-3": [0.1]}))
    best = table.best
    interval = best.interval()
    assert table.keys == ("lr",)
    assert best.parameters == {"lr": 1e-4}
    assert best.mean() == pytest.approx(np.mean(values))
    assert interval.ends == pytest.approx(stats.t.interval(0.95, 2, np.mean(values), stats.sem(values)))
    assert interval.n == 3
    assert table.trials[1].interval() is None


@pytest.mark.parametrize(("mode", "best"), [("max", 0.9), ("min", 0.1)])
def test_the_monitors_direction_ranks_the_trials(tmp_path: Path, mode: str, best: float) -> None:
    table = read_sweep(grid(tmp_path, "width", {"width=1": [0.1], "width=2": [0.9], "width=3": [0.5]}, mode=mode))
    assert table.best.mean() == best
    assert table.objectives == (SweepObjective(MONITOR, mode),)
    assert [ranks(table)[trial.number] for trial in table.ranked] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("state", [DIVERGED, FAILED, LOST, PRUNED, RUNNING])
def test_an_incomplete_trial_is_not_the_best(state: str) -> None:
    lucky = [swept(0, 0.9), swept(1, None, state, seed=1)]
    steady = [swept(2, 0.6, settings={"lr": 0.2}), swept(3, 0.6, settings={"lr": 0.2}, seed=1)]
    table = table_of("lr", [SweepObjective(MONITOR)], [*lucky, *steady])
    assert table.best.mean() == 0.6
    assert table.trials[0].state == f"1 done, 1 {state}"
    assert table_of("lr", [SweepObjective(MONITOR)], lucky).best.mean() == 0.9


def test_a_trial_with_missing_seeds_is_not_the_best() -> None:
    quick = [swept(0, 0.9, trial=0)]
    whole = [swept(1, 0.6, settings={"lr": 0.2}, trial=1), swept(2, 0.6, settings={"lr": 0.2}, seed=1, trial=1)]
    assert table_of("lr", [SweepObjective(MONITOR)], [*quick, *whole], runs_per_trial=2).best.mean() == 0.6
    assert table_of("lr", [SweepObjective(MONITOR)], [*quick, *whole]).best.mean() == 0.9


def test_pruned_runs_do_not_rank_and_are_no_failures() -> None:
    runs = [swept(0, 0.9, "pruned", why="worse than the median"), swept(1, 0.2, settings={"lr": 0.2})]
    table = table_of("lr", [SweepObjective(MONITOR)], runs)
    assert table.best.mean() == 0.2
    assert table.unfinished == []
    assert table.counts == {"pruned": 1, "done": 1}


def test_a_repeated_command_counts_once(tmp_path: Path) -> None:
    runs = [
        FakeRun(["lr=0.1", "seed=0"], 0.4),
        FakeRun(["lr=0.1", "seed=0"], 0.4),
        FakeRun(["lr=0.1", "seed=1"], 0.8),
    ]
    table = read_sweep(fake_sweep(tmp_path, "twice", runs))
    assert table.best.values() == [0.4, 0.8]
    assert any("count once" in note for note in table.notes)


def test_runs_of_a_searchs_trial_belong_together() -> None:
    folds = [swept(i, i / 10, settings={"lr": 0.1, "fold": i}, trial=7) for i in range(3)]
    same = [swept(3, 0.9, settings={"lr": 0.1, "fold": 0}, trial=8)]
    table = table_of("cv", [SweepObjective(MONITOR)], [*folds, *same])
    assert {trial.number: len(trial.runs) for trial in table.trials} == {7: 3, 8: 1}
    trial = next(trial for trial in table.trials if trial.number == 7)
    assert "fold" not in trial.parameters
    assert trial.interval().over != "training seeds"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_figure_that_is_not_finite_does_not_rank(tmp_path: Path, value: float | None) -> None:
    table = read_sweep(grid(tmp_path, "nan", {"lr=1": [value], "lr=2": [0.3]}))
    assert [trial.mean() for trial in table.trials] == [0.3, None]


def test_a_running_sweep_ranks_its_finished_runs(tmp_path: Path) -> None:
    states = {"lr=1": ("running", 0.9), "lr=2": (DONE, 0.3), "lr=3": ("queued", None)}
    runs = [FakeRun([key], best, state) for key, (state, best) in states.items()]
    table = read_sweep(fake_sweep(tmp_path, "now", runs))
    assert table.best.parameters == {"lr": 2}
    assert [trial.state for trial in table.trials] == [DONE, RUNNING, "queued"]


def test_damaged_and_deleted_runs_have_states_of_their_own(tmp_path: Path) -> None:
    folder = grid(tmp_path, "bad", {"lr=1": [0.1], "lr=2": [0.2], "lr=3": [0.3]})
    jobs = list(folder.jobs())
    (folder.run_of(jobs[0]).path / "status.json").write_text('{"status": "do')
    folder.run_of(jobs[1]).remove()
    table = read_sweep(folder)
    assert [trial.state for trial in table.trials] == [DONE, DAMAGED, GONE]
    assert table.best.parameters == {"lr": 3}
    assert len(table.unfinished) == 2


@pytest.mark.parametrize("file", ["config.yaml", "metrics.csv"])
def test_a_damaged_file_of_one_run_does_not_hide_the_others(tmp_path: Path, file: str) -> None:
    folder = grid(tmp_path, "torn", {"lr=1": [0.1], "lr=2": [0.2]})
    (folder.run_of(folder.jobs()[0]).path / file).write_text('images,"val/scene_accuracy\n1,{')
    assert read_sweep(folder).best.parameters == {"lr": 2}


def test_a_damaged_evaluation_is_named_in_a_note(tmp_path: Path) -> None:
    folder = fake_sweep(
        tmp_path, "eval", [FakeRun(["lr=1"], 0.1, test_result=0.3), FakeRun(["lr=2"], 0.2, test_result=0.4)]
    )
    broken = next(folder.run_of(folder.jobs()[0]).evaluations.glob("*.json"))
    broken.write_text("{")
    table = read_sweep(folder)
    assert [trial.test_results for trial in table.trials] == [[0.4], []]
    assert any(str(broken) in note for note in table.notes)


def test_without_a_monitor_there_is_no_best_trial_and_a_note_names_the_option(tmp_path: Path) -> None:
    runs = [FakeRun([f"lr={lr}"], others={"val/loss": [3.0, lr]}) for lr in (0.5, 0.25)]
    folder = fake_sweep(tmp_path, "last", runs, monitor=None)
    table = read_sweep(folder)
    assert table.best is None
    assert "--objective" in table.notes[0]
    assert read_sweep(folder, [SweepObjective("val/loss", "min")]).best.parameters == {"lr": 0.25}


def test_other_figures_are_those_of_the_kept_checkpoint(tmp_path: Path) -> None:
    best = 0.800000011920929  # single precision in the status, nine digits in the table
    run = FakeRun(["lr=1"], best, curve=[0.2, 0.800000012, 0.4], others={"val/loss": [3.0, 2.0, 1.0]}, seconds=12.5)
    objectives = [SweepObjective(MONITOR), SweepObjective("val/loss", "min"), SweepObjective("seconds", "min")]
    trial = read_sweep(fake_sweep(tmp_path, "kept", [run]), objectives).best
    assert [trial.mean(i) for i in range(3)] == [best, 2.0, 12.5]


def test_a_searchs_objectives_are_read_from_its_ledger(tmp_path: Path) -> None:
    folder = grid(tmp_path, "pareto", {"lr=1": [0.1]})
    folder.ledger.append("search", runs=1, objectives={MONITOR: "maximize", "seconds": "minimize"})
    assert read_sweep(folder).objectives == (SweepObjective(MONITOR), SweepObjective("seconds", "min"))


def test_a_parameter_that_only_some_runs_set_is_read_from_the_other_configurations(tmp_path: Path) -> None:
    config = {"generator": {"width": 64}, "objective": {"_target_": "diptych.Hinge"}}
    runs = [
        FakeRun(["lr=1"], 0.1, config=config),
        FakeRun(["lr=1", "generator.width=8"], 0.2, config={"generator": {"width": 8}}),
        FakeRun(["lr=1", "objective=hinge"], 0.3, config=config),
    ]
    table = read_sweep(fake_sweep(tmp_path, "later", runs))
    found = [trial.parameters for trial in sorted(table.trials, key=lambda trial: trial.number)]
    assert found == [
        {"generator.width": 64},
        {"generator.width": 8},
        {"generator.width": 64, "objective": "hinge"},
    ]


def test_values_have_the_types_that_hydra_gives_them(tmp_path: Path) -> None:
    texts = ["1e-4", "[0.5,0.9]", "{a: 1}", "null", "true", "'a, b'", "7"]
    table = read_sweep(fake_sweep(tmp_path, "types", [FakeRun([f"x={text}"], i / 10) for i, text in enumerate(texts)]))
    values = [trial.parameters["x"] for trial in sorted(table.trials, key=lambda trial: trial.number)]
    assert values == [1e-4, [0.5, 0.9], {"a": 1}, None, True, "a, b", 7]


def test_test_results_do_not_rank_trials(tmp_path: Path) -> None:
    runs = [FakeRun(["lr=1"], 0.9, test_result=0.1), FakeRun(["lr=2"], 0.5, test_result=0.8)]
    table = read_sweep(fake_sweep(tmp_path, "tested", runs))
    assert table.best.parameters == {"lr": 1}
    assert [trial.test_results for trial in table.trials] == [[0.1], [0.8]]
    assert "test split" in table.test_metric


def test_an_empty_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no runs yet"):
        read_sweep(fake_sweep(tmp_path, "empty", []))


def test_a_table_is_made_of_plain_values_only(tmp_path: Path) -> None:
    from diptych.reports.sweeps.files import analysis_of

    folder = grid(tmp_path, "plain", {f"lr={i + 1} x=[{i}]": [i / 10, i / 9] for i in range(9)})
    assert json.loads(json.dumps(analysis_of(folder).values, allow_nan=False))["sweep"] == "plain"


@pytest.mark.parametrize(("asked", "is_said"), [(["lr=1"], True), (["lr=1", "budget_images=100"], True), ([], False)])
def test_a_note_names_budgets_that_differ_by_accident(tmp_path: Path, asked: list[str], is_said: bool) -> None:
    given = [[*asked, f"seed={seed}"] if asked else [f"budget_images={100 * (seed + 1)}"] for seed in (0, 1)]
    runs = [FakeRun(own, 0.5, config={"budget_images": 100 * (i + 1)}) for i, own in enumerate(given)]
    notes = " ".join(read_sweep(fake_sweep(tmp_path, "lr", runs)).notes)
    assert ("1 of 100, 1 of 200 images" in notes) == is_said


def test_a_note_names_an_objective_that_no_run_logs(tmp_path: Path) -> None:
    run = FakeRun(["lr=1"], 0.5, curve=[0.5])
    folder = fake_sweep(tmp_path, "lr", [run])
    assert "no finished run logged val/tru; they logged val/scene_accuracy" in " ".join(
        read_sweep(folder, [SweepObjective("val/tru")]).notes
    )
    assert "logged" not in " ".join(read_sweep(folder).notes)


def test_a_sweep_of_collapsed_runs_says_so_beside_its_best_trial(tmp_path):
    runs = [FakeRun([f"lr={i}"], 0.5) for i in range(3)]
    folder = fake_sweep(tmp_path, "lr", runs)
    for job in list(folder.jobs())[:2]:
        folder.run_of(job).write_collapse("collapsed: all images are nearly the same")
    (said,) = [note for note in read_sweep(folder).notes if "collapsed" in note]
    assert said.startswith("2 of 3 runs end with images that are no good: collapsed")
