"""Searches over small spaces, and runs that are written instead of trained."""

from functools import partial

import optuna
import pytest

from diptych.config.search_space import read_space
from diptych.sweeps.search.request import Objective, Search

TRUE = (Objective("val/scene_accuracy", "maximize"),)


@pytest.fixture
def search():
    """`search("x=1,2", n_trials=3)`: everything else as it usually is."""

    def make(*overrides, when=None, sampler=None, objectives=TRUE, **settings):
        fixed, space = read_space(overrides, when or {})
        sampler = sampler or partial(optuna.samplers.TPESampler, n_startup_trials=5, constant_liar=True)
        return Search(space, tuple(fixed), tuple(objectives), sampler, **settings)

    return make
