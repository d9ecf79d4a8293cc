"""Our own messages are told from the faults of programs by where they were raised."""

import json

import pytest
import torch

from diptych.config import UserError
from diptych.config.components import build
from diptych.config.origin import is_message, raised_in
from diptych.systems.schedules import Trapezoid


def error_of(act) -> Exception:
    try:
        act()
    except Exception as error:
        return error
    raise AssertionError


def ours():
    Trapezoid(1, decay_images=0)


def library():
    torch.nn.functional.batch_norm(torch.zeros(1, 2), None, None, training=True)


def standard_library():
    json.loads("{")


def own_code():
    raise ValueError("the third column is missing")


@pytest.mark.parametrize(("act", "expected"), [(ours, True), (library, False), (standard_library, False)])
def test_only_our_own_raise_is_a_message(act, expected):
    assert is_message(error_of(act)) == expected


def test_the_user_s_own_code_is_named_by_file_and_line():
    error = error_of(own_code)
    assert not is_message(error)
    assert raised_in(error) == f"{__file__}:{own_code.__code__.co_firstlineno + 1}, in own_code"


def test_python_s_own_errors_in_our_code_are_faults(monkeypatch):
    from diptych.config import overrides

    monkeypatch.setattr(overrides, "REMOVED", property)
    error = error_of(lambda: exec("int('many')", vars(overrides)))
    assert not is_message(error)


def test_what_a_library_s_constructor_refuses_is_named_by_its_key():
    make = build({"_target_": "torch.optim.Adam", "_partial_": True, "lr": -1.0}, "generator_optimizer")
    with pytest.raises(UserError, match=r"generator_optimizer: Invalid learning rate: -1\.0"):
        make([torch.nn.Parameter(torch.zeros(1))])
