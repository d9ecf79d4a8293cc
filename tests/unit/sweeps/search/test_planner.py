"""The planner of a search, with handwritten job events and runs that only write figures."""

import csv

import optuna
import pytest

from diptych.config import UserError
from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DIVERGED, DONE, FAILED, PRUNED, RUNNING
from diptych.sweeps.control import retry
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.planning import note_plan
from diptych.sweeps.search.planner import MOST_FAILURES, SearchPlanner, runs_left, trials_of
from diptych.sweeps.search.study import FILE_NAME

METRIC = "val/scene_accuracy"


class Stage:
    """A sweep's folder, in which plans become jobs at once, and tests set their figures and ends."""

    def __init__(self, path, search) -> None:
        self.folder = SweepFolder(path / "sweeps" / "lr", path)
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self.search = search
        self.planner = SearchPlanner(self.folder, search)

    @property
    def jobs(self):
        return self.folder.jobs()

    def begin(self, free=1):
        """Begin the jobs for this number of free slots; returns their numbers."""
        begun = []
        for plan in self.planner.plans(self.jobs, free):
            number = len(self.jobs)
            note_plan(self.folder.ledger, number, plan, None)
            self.folder.ledger.append("started", job=number, handle="", slot=0)
            run = RunFolder.create(self.folder.outputs, "exp", self.jobs[number].run_id)
            run.write_config({"monitor": METRIC, "mode": "max"})
            begun.append(number)
        return begun

    def run(self, number):
        return self.folder.run_of(self.jobs[number])

    def measure(self, number, *figures, **others):
        rows = [{"images": 10 * i, METRIC: figure, **others} for i, figure in enumerate(figures, start=1)]
        with self.run(number).metrics.open("w") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        self.planner.look(self.jobs)

    def end(self, number, state=DONE, why=""):
        self.folder.ledger.append("ended", job=number, state=state, why=why, progress=0)
        self.planner.look(self.jobs)

    def trials(self):
        backend = optuna.storages.journal.JournalFileBackend(str(self.folder.path / FILE_NAME))
        return optuna.load_study(study_name="lr", storage=optuna.storages.JournalStorage(backend)).trials


@pytest.fixture
def stage(tmp_path, search):
    def make(**settings):
        return Stage(tmp_path, search("x=interval(0,1)", **settings))

    return make


def test_slots_are_filled_up_to_the_number_of_trials(stage):
    stage = stage(n_trials=3)
    assert stage.begin(free=2) == [0, 1]
    assert stage.begin(free=2) == [2]
    assert stage.begin(free=2) == []
    assert len({job.arguments for job in stage.jobs}) == 3


def test_the_number_of_trials_is_a_total_over_all_calls(stage):
    stage(n_trials=3).begin(free=2)
    again = stage(n_trials=3)
    assert len(again.begin(free=9)) == 1
    assert len(stage(n_trials=5).begin(free=9)) == 2


def test_the_study_gets_the_best_figure_of_a_run(stage):
    stage = stage()
    (number,) = stage.begin()
    stage.measure(number, 0.2, 0.7, float("nan"), 0.6)
    stage.end(number)
    assert [trial.value for trial in stage.trials()] == [0.7]
    assert stage.planner.summary()[0].startswith("best: val/scene_accuracy 0.7 with x=")


def test_trials_that_tie_are_said_to(stage):
    stage = stage(n_trials=3)
    for figure in (0.7, 0.2, 0.7):
        (number,) = stage.begin()
        stage.measure(number, figure)
        stage.end(number)
    tie, *best = stage.planner.summary()
    assert tie.startswith("2 trials tie for the best")
    assert [line.partition(" with")[0] for line in best] == ["best: val/scene_accuracy 0.7"] * 2


def test_the_next_supervisor_reports_what_a_killed_one_did_not(stage):
    first = stage()
    (number,) = first.begin()
    first.measure(number, 0.4)
    first.folder.ledger.append("ended", job=number, state=DONE, why="", progress=0)
    again = stage()
    again.planner.look(again.jobs)
    assert [trial.value for trial in again.trials()] == [0.4]


def test_a_proposal_that_never_became_a_job_is_dropped(stage):
    first = stage(n_trials=2)
    first.begin()
    first.planner.study.ask()
    again = stage(n_trials=2)
    assert again.begin(free=5) == [1]
    assert [job.trial for job in again.jobs] == [0, 2]
    assert [trial.state.name for trial in again.trials()] == ["RUNNING", "FAIL", "RUNNING"]


def test_the_runs_of_a_trial_follow_one_another_and_give_their_mean(stage):
    stage = stage(repeats=("seed=0", "seed=1"), n_trials=2)
    assert stage.begin(free=1) == [0]
    assert stage.begin(free=2) == [1]
    assert stage.begin(free=2) == [
        2,
    ]
    first, second, third = stage.jobs
    assert [job.trial for job in stage.jobs] == [0, 0, 1]
    assert (first.arguments[-1], second.arguments[-1], third.arguments[-1]) == ("seed=0", "seed=1", "seed=0")
    for number, figure in ((0, 0.2), (1, 0.6)):
        stage.measure(number, figure)
        stage.end(number)
    assert stage.trials()[0].value == pytest.approx(0.4)


def test_with_a_pruner_the_next_run_of_a_trial_waits_for_the_end_of_the_one_before(stage):
    stage = stage(n_trials=2, repeats=("seed=0", "seed=1"), pruner=optuna.pruners.MedianPruner(1))
    stage.begin(2)
    assert [job.trial for job in stage.jobs] == [0, 1]
    stage.measure(0, 0.5)
    stage.end(0)
    stage.begin(1)
    assert [job.trial for job in stage.jobs] == [0, 1, 0]


def test_the_bound_is_the_lower_end_of_an_interval_when_maximizing(stage):
    stage = stage(repeats=("seed=0", "seed=1"), aggregate="bound")
    stage.begin()
    stage.begin()
    for number, figure in ((0, 0.2), (1, 0.6)):
        stage.measure(number, figure)
        stage.end(number)
    # Student's t with one degree of freedom at 90 %: 3.0777; standard error 0.2
    assert stage.trials()[0].value == pytest.approx(0.4 - 3.0777 * 0.2, abs=1e-4)


def test_a_run_worse_than_the_median_is_asked_to_end(stage):
    stage = stage(pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=1))
    (first,) = stage.begin()
    stage.measure(first, 0.5, 0.6, 0.7)
    stage.end(first)
    (second,) = stage.begin()
    stage.measure(second, 0.1)
    assert not stage.run(second).prune.exists()
    stage.measure(second, 0.1, 0.2)
    assert "validation 2" in stage.run(second).prune.read_text()
    stage.end(second, PRUNED)
    assert [trial.state.name for trial in stage.trials()] == ["COMPLETE", "PRUNED"]


def test_a_trial_is_pruned_by_the_mean_of_its_runs_so_far(stage):
    stage = stage(pruner=optuna.pruners.ThresholdPruner(lower=0.4), repeats=("seed=0", "seed=1"))
    stage.begin()
    stage.measure(0, 0.5, 0.6)
    stage.end(0)
    assert stage.begin() == [1]
    stage.measure(1, 0.2)
    assert not stage.run(1).prune.exists()
    stage.measure(1, 0.2, 0.1)
    assert "0.35 at validation 4" in stage.run(1).prune.read_text()
    stage.end(1, PRUNED)
    means = {0: 0.5, 1: 0.6, 2: pytest.approx(0.4), 3: pytest.approx(0.35)}
    assert stage.trials()[0].intermediate_values == means
    assert stage.begin() == [2]
    assert stage.jobs[2].trial == 1


def test_a_trial_pruned_after_its_first_run_gets_no_second_one(stage):
    stage = stage(pruner=optuna.pruners.MedianPruner(1, n_warmup_steps=0), repeats=("seed=0", "seed=1"))
    for number in (0, 1):
        stage.begin()
        stage.measure(number, 0.5)
        stage.end(number)
    stage.begin()
    stage.measure(2, 0.1)
    stage.end(2)
    assert stage.trials()[1].state.name == "PRUNED"
    assert stage.begin() == [3]
    assert stage.jobs[3].trial == 2


def test_the_next_supervisor_ends_a_run_that_a_killed_one_pruned(stage):
    pruner = optuna.pruners.MedianPruner(1, n_warmup_steps=0)
    first = stage(pruner=pruner)
    first.begin()
    first.measure(0, 0.5)
    first.end(0)
    first.begin()
    first.measure(1, 0.1)
    first.run(1).prune.unlink()  # as if the supervisor was killed before it asked
    again = stage(pruner=pruner)
    again.planner.look(again.jobs)
    assert again.run(1).prune.exists()


def test_a_trial_whose_run_failed_gets_no_further_run(stage):
    stage = stage(repeats=("seed=0", "seed=1", "seed=2"))
    stage.begin()
    stage.begin()
    stage.end(0, FAILED, "out of memory")
    assert stage.run(1).prune.exists()
    stage.end(1, PRUNED)
    stage.begin()
    assert [job.trial for job in stage.jobs] == [0, 0, 1]
    assert stage.trials()[0].user_attrs["why"] == "out of memory"


def test_a_diverged_run_counts_as_pruned(stage):
    stage = stage()
    stage.begin()
    stage.end(0, DIVERGED)
    assert stage.trials()[0].state.name == "PRUNED"


@pytest.mark.parametrize("pruner", [None, optuna.pruners.MedianPruner(1)])
def test_the_study_learns_from_a_retry_that_finished(stage, pruner):
    stage = stage(pruner=pruner)
    stage.begin()
    stage.end(0, FAILED, "out of memory")
    for event in ("queued", "started"):
        stage.folder.ledger.append(event, job=0, handle="", slot=0)
    assert stage.jobs[0].state == RUNNING
    stage.measure(0, 0.8)
    stage.end(0)
    stage.planner.look(stage.jobs)
    assert [trial.value for trial in stage.trials() if trial.state.name == "COMPLETE"] == [0.8]


def test_retry_queues_all_runs_of_the_failed_trial(stage):
    stage = stage(repeats=("seed=0", "seed=1"))
    stage.begin()
    stage.begin()
    stage.end(0, FAILED, "out of memory")
    stage.end(1, PRUNED, "another run of its trial failed")
    stage.folder.write_request({"command": ["diptych"]})
    assert "2 runs are queued again" in retry(stage.folder)
    assert [job.state for job in stage.jobs] == ["queued", "queued"]


@pytest.mark.parametrize("slots", [1, 2])
def test_a_search_gives_up_after_failures_only(stage, slots):
    stage, begun = stage(n_trials=50), []
    for _ in range(MOST_FAILURES):
        begun += stage.begin(slots - (len(begun) - len([job for job in stage.jobs if job.state == FAILED])))
        stage.end(begun[len([job for job in stage.jobs if job.state == FAILED])], FAILED)
    assert stage.begin(slots) == []
    assert not stage.planner.wants_more(stage.jobs)


def test_a_search_continues_after_successful_retries(stage):
    stage = stage(n_trials=50)
    for number in range(MOST_FAILURES):
        stage.begin()
        stage.end(number, FAILED)
    for number in range(MOST_FAILURES):
        for event in ("queued", "started"):
            stage.folder.ledger.append(event, job=number, handle="", slot=0)
        stage.measure(number, 0.5)
        stage.end(number)
    again = SearchPlanner(stage.folder, stage.search)
    again.look(stage.jobs)
    assert len(again.plans(stage.jobs, 2)) == 2


def test_the_runs_left_are_those_of_begun_and_of_future_trials(stage):
    stage = stage(n_trials=3, repeats=("seed=0", "seed=1"))
    assert len(runs_left(stage.jobs, stage.search)) == 6
    stage.begin()
    stage.end(0)
    stage.begin()
    left = runs_left(stage.jobs, stage.search)
    assert len(left) == 5
    assert sum("seed=1" in arguments for arguments in left) == 3
    stage.end(1, FAILED)
    assert len(runs_left(stage.jobs, stage.search)) == 4


def test_a_search_gives_up_if_no_run_logs_its_figure(stage):
    stage = stage(n_trials=50, objectives=(SweepObjective("val/loss", "min"),))
    for number in range(MOST_FAILURES):
        stage.begin()
        stage.measure(number, 0.5)
        stage.end(number)
    assert stage.begin() == []
    assert "never logged val/loss; it logged val/scene_accuracy" in stage.planner.why_no_result()


def test_a_run_without_the_figure_fails_its_trial_with_the_reason(stage):
    stage = stage(objectives=(SweepObjective("val/loss", "min"),))
    stage.begin()
    stage.measure(0, 0.5)
    stage.end(0)
    assert "never logged val/loss" in stage.trials()[0].user_attrs["why"]


def test_several_objectives_are_read_at_the_best_validation(stage):
    stage = stage(objectives=(SweepObjective(METRIC), SweepObjective("val/cost", "min")))
    stage.begin()
    with stage.run(0).metrics.open("w") as file:
        file.write(f"images,{METRIC},val/cost\n10,0.5,3\n20,0.9,7\n30,0.8,1\n")
    stage.end(0)
    assert stage.trials()[0].values == [0.9, 7.0]


def test_without_a_monitor_several_objectives_are_read_at_the_last_validation(stage):
    stage = stage(objectives=(SweepObjective(METRIC), SweepObjective("val/size", "min")))
    stage.begin()
    stage.run(0).write_config({"monitor": None, "mode": "max"})
    stage.run(0).metrics.write_text(f"images,{METRIC},val/size,loss\n10,0.9,3,\n20,0.8,2,\n25,,,0.1\n")
    stage.end(0)
    assert stage.trials()[0].values == [0.8, 2]


def test_a_study_with_fewer_trials_than_the_ledger_is_refused(stage):
    first = stage()
    first.begin()
    (first.folder.path / FILE_NAME).unlink()
    with pytest.raises(UserError, match="has fewer trials"):
        stage()


def test_jobs_of_a_grid_are_not_trials(stage):
    stage = stage()
    stage.folder.ledger.append("planned", job=0, run_id="old", arguments=["seed=0"])
    assert trials_of(stage.jobs) == []
    assert stage.begin() == [1]
