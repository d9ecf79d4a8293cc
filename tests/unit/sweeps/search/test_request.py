import optuna
import pytest

from diptych.config import UserError
from diptych.sweeps.search.request import Objective, objectives_of


def test_a_trial_is_typed_as_its_fixed_overrides_its_values_and_its_repeat(search):
    asked = search("model=dcgan", "x=interval(0,1)", repeats=("seed=3", "seed=4"))
    assert asked.arguments({"x": 0.25}, 1) == ["model=dcgan", "x=0.25", "seed=4"]
    assert search("x=a,b").arguments({"x": "a"}, 0) == ["x=a"]


def test_pruning_several_objectives_is_refused_with_the_reason(search):
    objectives = (Objective("val/scene_accuracy", "maximize"), Objective("seconds", "minimize"))
    with pytest.raises(UserError, match="one figure"):
        search("x=a,b", objectives=objectives, pruner=optuna.pruners.MedianPruner())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"n_trials": 0}, "n_trials=0"),
        ({"objectives": ()}, "no figure"),
        ({"aggregate": "median"}, "aggregate=median"),
        ({"aggregate": "bound"}, "several runs"),
    ],
)
def test_settings_that_cannot_be_are_named(search, settings, named):
    with pytest.raises(UserError, match=named):
        search("x=a,b", **settings)


def test_a_search_over_nothing_is_refused(search):
    with pytest.raises(UserError, match="nothing is searched over"):
        search("model=dcgan")


def test_the_runs_own_monitor_is_the_objective_where_none_is_named():
    assert objectives_of({"monitor": "val/loss", "mode": "min"}, None) == (Objective("val/loss", "minimize"),)
    assert objectives_of({"monitor": None, "mode": "max"}, None) == ()
    named = {"val/scene_accuracy": "maximize", "seconds": "minimize"}
    assert objectives_of({"monitor": None, "mode": "max"}, named)[1] == Objective("seconds", "minimize")
    with pytest.raises(UserError, match="say maximize or minimize"):
        objectives_of({"monitor": None, "mode": "max"}, {"val/scene_accuracy": "more"})
