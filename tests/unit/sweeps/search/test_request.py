import optuna
import pytest

from diptych.config import UserError
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.request import objectives_of


def test_a_runs_arguments_are_the_fixed_overrides_the_values_and_the_repeat(search):
    settings = search("model=dcgan", "x=interval(0,1)", repeats=("seed=3", "seed=4"))
    assert settings.arguments({"x": 0.25}, 1) == ["model=dcgan", "x=0.25", "seed=4"]
    assert search("x=a,b").arguments({"x": "a"}, 0) == ["x=a"]


def test_pruning_several_objectives_is_refused_with_the_reason(search):
    objectives = (SweepObjective("val/scene_accuracy"), SweepObjective("seconds", "min"))
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
def test_invalid_settings_are_named(search, settings, named):
    with pytest.raises(UserError, match=named):
        search("x=a,b", **settings)


def test_an_empty_search_space_is_refused(search):
    with pytest.raises(UserError, match="the search space is empty"):
        search("model=dcgan")


def test_the_monitor_is_the_default_objective():
    assert objectives_of({"monitor": "val/loss", "mode": "min"}, None) == (SweepObjective("val/loss", "min"),)
    assert objectives_of({"monitor": None, "mode": "max"}, None) == ()
    named = {"val/scene_accuracy": "maximize", "seconds": "minimize"}
    assert objectives_of({"monitor": None, "mode": "max"}, named)[1] == SweepObjective("seconds", "min")
    with pytest.raises(UserError, match="say maximize or minimize"):
        objectives_of({"monitor": None, "mode": "max"}, {"val/scene_accuracy": "more"})
