"""Searches of real processes, some of them killed."""

import subprocess
import sys

import optuna
import pytest
from optuna.trial import TrialState
from sweeping import SLOW, begin, environment_of_sweeps, run_and_supervisor_killed, sweep_in

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, PRUNED
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.figures import figures_of
from diptych.sweeps.search.study import FILE_NAME

SEARCH = ["hydra/sweeper=optuna", "generator_optimizer.lr=tag(log,interval(1e-4,1e-2))"]
BRIEF = ["budget_images=1280", "validate_every_images=128", "callbacks.checkpoints.every_images=256"]


@pytest.fixture
def environment():
    return environment_of_sweeps()


def study_in(sweep) -> optuna.Study:
    backend = optuna.storages.journal.JournalFileBackend(str(sweep.path / FILE_NAME))
    return optuna.load_study(study_name=sweep.name, storage=optuna.storages.JournalStorage(backend))


@pytest.mark.slow
def test_every_trial_ends_once_despite_kills_and_its_value_is_reproducible(tmp_path, environment):
    search = ["--sweep", "lr", *SEARCH, *BRIEF, SLOW, "hydra.sweeper.n_trials=5", "hydra.launcher.slots=2"]
    sweep, _ = run_and_supervisor_killed(search, tmp_path, environment)
    assert begin(search, tmp_path, environment).wait(180) == 0, (tmp_path / "said.txt").read_text()

    jobs = list(sweep.jobs())
    assert [job.state for job in jobs] == [DONE] * 5
    assert len({job.trial for job in jobs}) == len({job.arguments for job in jobs}) == 5
    complete = [trial for trial in study_in(sweep).trials if trial.state == TrialState.COMPLETE]
    assert [(trial.params, trial.number) for trial in complete] == [(job.values, job.trial) for job in jobs]
    assert not any(trial.state == TrialState.RUNNING for trial in study_in(sweep).trials)
    assert "best: val/realism" in (tmp_path / "said.txt").read_text()

    again = [sys.executable, "-m", "diptych", "train", *jobs[0].arguments]
    subprocess.run(again, cwd=tmp_path, env={**environment, "DIPTYCH_RUN_ID": "again"}, check=True)
    run = RunFolder(tmp_path / "outputs" / "tiny_gan_digits" / "again")
    assert figures_of(run, [SweepObjective("val/realism")]) == complete[0].values


@pytest.mark.slow
def test_a_pruned_run_ends_early_and_has_saved(tmp_path, environment):
    search = ["--sweep", "lr", "hydra/sweeper=optuna", *BRIEF, SLOW, "hydra.sweeper.n_trials=3"]
    search += ["generator_optimizer.lr=choice(1e-2,1e-6,1e-7)", "hydra/sweeper/sampler=random"]
    search += ["hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1"]
    assert begin(search, tmp_path, environment).wait(120) == 0, (tmp_path / "said.txt").read_text()
    sweep = sweep_in(tmp_path)
    pruned = [job for job in sweep.jobs() if job.state == PRUNED]
    assert pruned
    for job in pruned:
        run = sweep.run_of(job)
        assert 0 < run.read_status().images_seen < 1280
        assert run.last.exists()
        assert "at validation" in job.why
    states = [trial.state.name for trial in study_in(sweep).trials]
    assert states.count("PRUNED") == len(pruned)
    assert len(states) == 3
    resume = [sys.executable, "-m", "diptych", "resume", str(run.path), "--trust", "tinyparts"]
    subprocess.run(resume, cwd=tmp_path, env=environment, check=True)
    assert run.read_status().status == DONE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (
            ["+hydra.sweeper.objectives={val/realism: maximize, seconds: minimize}", "hydra/sweeper/pruner=median"],
            "one figure",
        ),
        (["generator_optimizer.lrr=interval(0,1)"], "lrr"),
        (["monitor=null"], "the search has no figure to optimise"),
        (["hydra/launcher=basic"], "hydra/launcher=local"),
        (["init_from=nobody"], "there is no run 'nobody'"),
    ],
)
def test_an_invalid_search_is_refused_before_any_run_starts(tmp_path, environment, mistake, named):
    assert begin(["--sweep", "lr", *SEARCH, *mistake], tmp_path, environment).wait(60) == 2
    assert named in (tmp_path / "said.txt").read_text()
    assert not (tmp_path / "outputs" / "sweeps" / "lr" / "ledger.jsonl").exists()
