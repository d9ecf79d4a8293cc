import errno
from functools import partial

import optuna
import pytest
from optuna.trial import TrialState

from diptych.config import UserError
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.study import FILE_NAME, Exhausted, Study


def opened(folder, search) -> Study:
    return Study(folder, "lr", search)


def in_optuna(folder) -> optuna.Study:
    """As optuna-dashboard opens it."""
    backend = optuna.storages.journal.JournalFileBackend(str(folder / FILE_NAME))
    return optuna.load_study(study_name="lr", storage=optuna.storages.JournalStorage(backend))


def test_while_the_disk_is_full_a_study_waits_and_stays_whole(tmp_path, search, monkeypatch):
    study = opened(tmp_path, search("x=interval(0,1)"))
    full = [OSError(errno.ENOSPC, "No space left on device")] * 2
    monkeypatch.setattr("diptych.sweeps.ledger.WAIT_SECONDS", 0)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(full.pop()) if full else None)
    number, values = study.ask()
    study.complete(number, [values["x"]])
    assert not full
    assert [(trial.number, trial.values) for trial in in_optuna(tmp_path).trials] == [(0, [values["x"]])]


SAMPLERS = {
    "tpe": partial(optuna.samplers.TPESampler, n_startup_trials=3, constant_liar=True),
    "random": optuna.samplers.RandomSampler,
    "qmc": partial(optuna.samplers.QMCSampler, seed=0, scramble=True),
    "cma_es": partial(optuna.samplers.CmaEsSampler, n_startup_trials=2),
    "nsga2": partial(optuna.samplers.NSGAIISampler, population_size=4),
}
pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_study_reopened_for_every_proposal_never_repeats_one(tmp_path, search, sampler):
    asked = search("x=interval(0,1)", "y=tag(log,interval(1e-5,1))", sampler=SAMPLERS[sampler])
    proposals = []
    for _ in range(12):
        study = opened(tmp_path, asked)
        number, values = study.ask()
        study.complete(number, [values["x"]])
        proposals.append(tuple(values.values()))
    assert len(set(proposals)) == 12


def test_proposals_depend_only_on_the_seed_and_on_earlier_results(tmp_path, search):
    def proposals(name, seed, reopen):
        folder = tmp_path / name
        folder.mkdir()
        study = opened(folder, search("x=interval(0,1)", seed=seed))
        made = []
        for _ in range(8):
            study = opened(folder, search("x=interval(0,1)", seed=seed)) if reopen else study
            number, values = study.ask()
            study.complete(number, [values["x"]])
            made.append(values["x"])
        return made

    assert proposals("a", 0, reopen=False) == proposals("b", 0, reopen=True)
    assert proposals("c", 1, reopen=False) != proposals("d", 0, reopen=False)


def test_a_small_space_is_exhausted_and_then_the_search_ends(tmp_path, search):
    study = opened(tmp_path, search("x=a,b,c", "y=1,2"))
    tried = []
    for _ in range(6):
        number, values = study.ask()
        study.complete(number, [0.5])
        tried.append(tuple(values.values()))
    assert sorted(tried) == sorted((x, y) for x in "abc" for y in "12")
    with pytest.raises(Exhausted):
        study.ask()


def test_a_parameter_is_chosen_only_where_its_condition_holds(tmp_path, search):
    study = opened(
        tmp_path, search("objective=hinge,minimax", "margin=interval(0,1)", when={"margin": "objective=hinge"})
    )
    chosen = [study.ask()[1] for _ in range(8)]
    assert {"margin" in values for values in chosen} == {True, False}
    assert all(("margin" in values) == (values["objective"] == "hinge") for values in chosen)


def test_opening_removes_the_lock_of_a_dead_process_and_a_torn_line(tmp_path, search):
    asked = search("x=interval(0,1)")
    study = opened(tmp_path, asked)
    study.complete(study.ask()[0], [0.5])
    path = tmp_path / FILE_NAME
    with path.open("ab") as file:
        file.write(b'{"op_code":5,"worker_id":"dead","tri')
    (tmp_path / f"{FILE_NAME}.lock").symlink_to(path)
    again = opened(tmp_path, asked)
    assert again.ask()[0] == 1
    assert [trial.state for trial in in_optuna(tmp_path).trials] == [TrialState.COMPLETE, TrialState.RUNNING]


def test_a_damaged_journal_is_named(tmp_path, search):
    opened(tmp_path, search("x=interval(0,1)")).ask()
    path = tmp_path / FILE_NAME
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["what?", *lines[1:]]) + "\n")
    with pytest.raises(UserError, match=FILE_NAME):
        opened(tmp_path, search("x=interval(0,1)"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"overrides": ["x=interval(0,2)"]}, r"x: interval\(0\.0,1\.0\) before, interval\(0\.0,2\.0\) now"),
        ({"overrides": ["x=interval(0,1)", "model=dcgan"]}, "model: not set before, dcgan now"),
        ({"objectives": (SweepObjective("val/loss"),)}, "objectives: val/scene_accuracy: .* val/loss: "),
        ({"repeats": ("seed=0", "seed=1")}, "repeat: not set before, seed=0 seed=1 now"),
    ],
)
def test_a_study_resumes_only_with_the_settings_it_began_with(tmp_path, search, changed, named):
    opened(tmp_path, search("x=interval(0,1)"))
    overrides = changed.pop("overrides", ["x=interval(0,1)"])
    with pytest.raises(UserError, match=named):
        opened(tmp_path, search(*overrides, **changed))


def test_a_study_resumes_with_more_trials_and_another_sampler(tmp_path, search):
    opened(tmp_path, search("x=interval(0,1)", n_trials=3)).ask()
    other = search("x=interval(0,1)", n_trials=30, sampler=optuna.samplers.RandomSampler)
    assert opened(tmp_path, other).ask()[0] == 1


def test_the_worse_half_is_pruned_by_the_median(tmp_path, search):
    study = opened(tmp_path, search("x=interval(0,1)", pruner=optuna.pruners.MedianPruner(2, n_warmup_steps=1)))
    for figure in (0.4, 0.6):
        number, _ = study.ask()
        assert not any(study.report(number, step, figure) for step in range(3))
        study.complete(number, [figure])
    number, _ = study.ask()
    assert not study.report(number, 0, 0.1)
    assert study.report(number, 1, 0.1)
    study.prune(number, "worse")
    assert in_optuna(tmp_path).trials[number].state == TrialState.PRUNED
    better, _ = study.ask()
    assert not any(study.report(better, step, 0.9) for step in range(3))


def test_a_failed_trial_that_finishes_later_counts_once(tmp_path, search):
    study = opened(tmp_path, search("x=interval(0,1)"))
    number, values = study.ask()
    study.close(number, "it raised")
    assert study.is_settled(number, well=False)
    assert not study.is_settled(number, well=True)
    study.complete(number, [0.7])
    assert study.is_settled(number, well=True)
    again = [trial for trial in in_optuna(tmp_path).trials if trial.state == TrialState.COMPLETE]
    assert [(trial.params, trial.value) for trial in again] == [(values, 0.7)]


def test_the_best_of_several_objectives_is_the_pareto_front(tmp_path, search):
    objectives = (SweepObjective("val/scene_accuracy"), SweepObjective("seconds", "min"))
    study = opened(tmp_path, search("x=interval(0,1)", objectives=objectives))
    for figures in ([0.9, 10], [0.5, 20], [0.4, 5], [0.9, 12]):
        study.complete(study.ask()[0], figures)
    assert [trial.number for trial in study.best()] == [0, 2]
