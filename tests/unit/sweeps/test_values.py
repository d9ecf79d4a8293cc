"""A sweep whose values do not fit their keys is refused before its first run."""

import pytest

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.config.search_space import read_space
from diptych.runs.requirements_check import message_of
from diptych.sweeps import values
from diptych.sweeps.values import check_grid, check_space

BASE = ("model=mlp_gan", "data=digits", "tracking=csv")


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Another process would import torch once more."""
    monkeypatch.setattr(values, "plain", lambda config: config)
    monkeypatch.setattr(values, "_messages", lambda configs: [message_of(config) for config in configs])


def search(*overrides: str, when=None) -> list[str]:
    """The keys that the search varies, once all their values are found possible."""
    fixed, space = read_space([*BASE, *overrides], when)
    check_space(fixed, space, compose)
    return [parameter.key for parameter in space]


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "data.batch_size=interval(8,64)",
            r"batch_size=8\.0.*needs int here; for whole numbers write data\.batch_size=int\(interval\(8,64\)\)",
        ),
        (
            "budget_images=interval(8,64)",
            r"whole number.*for whole numbers write budget_images=int\(interval\(8,64\)\)",
        ),
        ("data.batch_size=choice(null,32)", r"data\.batch_size=None: .* needs int here"),
        ("system.max_grad_norm=choice(1,wide)", r"^system\.max_grad_norm='wide'"),
        (
            "generator_optimizer.lrr=interval(0,1)",
            r"^there is no generator_optimizer\.lrr to set; did you mean .*\.lr\?$",
        ),
        ("seed=choice(0,-1)", "seed=-1: give a whole number from 0"),
        ("objective=choice(hinge,hing)", "hing"),
    ],
)
def test_a_search_over_impossible_values_is_refused(override, says):
    with pytest.raises(UserError, match=says):
        search(override)


def test_possible_values_are_accepted():
    varied = search(
        "data.batch_size=int(interval(8,64))",
        "callbacks.early_stopping.patience_images=choice(null,32)",
        "generator_optimizer.lr=tag(log,interval(1e-5,1e-2))",
        "objective=choice(hinge,minimax)",
        "system.max_grad_norm=interval(1,2)",
        when={"system.max_grad_norm": "objective=hinge"},
    )
    assert varied == [
        "data.batch_size",
        "callbacks.early_stopping.patience_images",
        "generator_optimizer.lr",
        "objective",
        "system.max_grad_norm",
    ]


def test_the_other_process_says_the_same(monkeypatch):
    configs = [compose([*BASE, f"data.batch_size={size}"]) for size in (8, 8.5)]
    told = values._messages(configs)
    monkeypatch.undo()
    assert values._messages(configs) == told
    assert [bool(message) for message in told] == [False, True]


def test_a_grid_is_checked_value_by_value():
    check_grid([[*BASE, f"data.batch_size={size}", f"seed={seed}"] for size in (8, 16) for seed in range(3)], compose)
    with pytest.raises(UserError, match=r"data\.batch_size=8\.5: .*needs int here"):
        check_grid([[*BASE, f"data.batch_size={size}"] for size in ("8", "8.5")], compose)


def test_the_one_new_run_of_a_grid_that_goes_on_is_checked_as_well():
    asked = [[*BASE, f"generator_optimizer.lr={rate}"] for rate in ("1e-4", "abc")]
    with pytest.raises(UserError, match=r"generator_optimizer\.lr='?abc'?"):
        check_grid(asked[1:], compose, asked)


def test_seeds_need_no_process_of_their_own(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(values, "plain", lambda config: config)
    monkeypatch.setattr(values.subprocess, "run", lambda *_, **__: pytest.fail("a process was started"))
    check_grid([[*BASE, f"seed={seed}", "trainer.threads=1"] for seed in range(3)], compose)
