"""Searches over small spaces."""

from functools import partial

import optuna
import pytest

from diptych.config.search_space import read_space
from diptych.sweeps.objective import SweepObjective
from diptych.sweeps.search.request import Search

TRUE = (SweepObjective("val/scene_accuracy"),)


@pytest.fixture
def search():
    """`search("x=1,2", n_trials=3)`, with defaults for the rest."""

    def make(*overrides, when=None, sampler=None, objectives=TRUE, **settings):
        fixed, space = read_space(overrides, when or {})
        sampler = sampler or partial(optuna.samplers.TPESampler, n_startup_trials=5, constant_liar=True)
        return Search(space, tuple(fixed), tuple(objectives), sampler, **settings)

    return make
