import sys
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from diptych.config import UserError
from diptych.config.components import build, check

HERE = "parts_of_this_test"


class Part:
    def __init__(
        self,
        *,
        width: int,
        rate: float = 0.5,
        norm: Literal["batch", "none"] = "batch",
        sizes: tuple[int, ...] = (),
        root: Path | None = None,
        inner: object = None,
        image_size: int = 0,
    ) -> None:
        self.width, self.rate, self.norm, self.sizes = width, rate, norm, sizes
        self.root, self.inner, self.image_size = root, inner, image_size


class Open:
    def __init__(self, **anything: object) -> None:
        self.anything = anything


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def node(**values):
    return {"_target_": f"{HERE}.Part", **values}


def test_an_unknown_key_is_refused_with_the_nearest_name():
    with pytest.raises(
        UserError, match=r"generator\.widht=3: .*Part has no such argument; did you mean generator\.width\?"
    ):
        check(node(widht=3), "generator")


def test_the_error_for_an_unknown_key_lists_all_names():
    with pytest.raises(UserError, match=r"it has generator\.width, generator\.rate"):
        check(node(width=1, qqq=3), "generator")


def test_an_argument_that_a_file_sets_for_another_class_is_left_out_as_the_error_says():
    with pytest.raises(UserError, match=r"leave it out \(~generator\.qqq, where a file sets it\)"):
        check(node(width=1, qqq=3), "generator")


def test_a_missing_key_is_named_unless_a_fact_fills_it():
    with pytest.raises(UserError, match=r"generator\.width has no value"):
        check(node(), "generator")
    check(node(), "generator", facts=("width",))


@pytest.mark.parametrize(
    ("key", "value"),
    [("width", "wide"), ("width", 1.5), ("width", True), ("rate", "x"), ("norm", "layer"), ("sizes", 3)],
)
def test_a_value_of_the_wrong_type_is_refused(key, value):
    with pytest.raises(UserError, match=rf"part\.{key}="):
        check(node(**({"width": 1} | {key: value})), "part")


@pytest.mark.parametrize(
    ("key", "value"), [("width", 2), ("rate", 1), ("norm", "none"), ("sizes", [1]), ("root", None)]
)
def test_a_value_of_the_right_type_passes(key, value):
    check(node(**({"width": 1} | {key: value})), "part")


def test_a_text_is_no_number_where_a_library_would_also_take_a_tensor():
    adam = {"_target_": "torch.optim.Adam", "_partial_": True}
    check({**adam, "lr": 0.1}, "optimizer")
    with pytest.raises(UserError, match=r"optimizer\.lr='big'"):
        check({**adam, "lr": "big"}, "optimizer")


def test_components_inside_components_are_checked_under_their_own_key():
    with pytest.raises(UserError, match=r"part\.inner\.widht"):
        check(node(width=1, inner=node(widht=1)), "part")
    with pytest.raises(UserError, match=r"part\.inner\[1\]\.widht"):
        check(node(width=1, inner=[node(width=1), node(width=1, widht=1)]), "part")


def test_a_constructor_with_keyword_arguments_accepts_any_key():
    opened = {"_target_": f"{HERE}.Open", "colour": "red"}
    check(opened, "part")
    assert build(opened, "part", {"image_size": 8}).anything == {"colour": "red"}


def test_facts_fill_only_keys_that_the_configuration_does_not_set():
    facts = {"width": 7, "image_size": 32, "unwanted": 1}
    part = build(node(width=2), "part", facts)
    assert (part.width, part.image_size) == (2, 32)


def test_lists_and_strings_become_the_annotated_tuples_and_paths():
    part = build(node(width=1, sizes=[1, 2], root="there"), "part")
    assert part.sizes == (1, 2)
    assert part.root == Path("there")


def test_inner_components_are_built_with_the_same_facts():
    part = build(node(width=1, inner=node(width=2)), "part", {"image_size": 9})
    assert part.inner.image_size == 9


def test_a_partial_component_is_a_constructor_with_its_values():
    adam = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.25}
    check(adam, "optimizer")
    make = build(adam, "optimizer")
    assert isinstance(make, partial)
    assert make(nn.Linear(1, 1).parameters()).param_groups[0]["lr"] == 0.25


def test_a_missing_argument_is_named_before_the_class_is_called():
    with pytest.raises(UserError, match="part needs width, which no component provides"):
        build(node(), "part")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("nosuchpackage.Thing", "no package 'nosuchpackage'"),
        ("torch.nn.Linaer", "did you mean Linear"),
        ("torch.nn.nosuch.Linear", "has no 'nosuch'"),
        ("Linear", "write package.module.Class"),
        ("torch.pi", "is not a class"),
    ],
)
def test_the_error_for_a_missing_target_explains_it(target, says):
    with pytest.raises(UserError, match=says):
        check({"_target_": target}, "generator")


@pytest.mark.parametrize(
    "target", ["torch.hub.load", "torch.load", "torch.package.PackageImporter", "pip.main", "os.system"]
)
def test_restoring_refuses_functions_and_untrusted_classes(target):
    with pytest.raises(UserError, match=r"--trust|classes only|refuses it"):
        build({"_target_": target}, "generator", trust=())


def test_restoring_refuses_untrusted_classes_inside_a_trusted_package():
    with pytest.raises(UserError, match="--trust logging"):
        build({"_target_": "diptych.runs.training.logging.FileHandler", "filename": "x"}, "generator", trust=())


def test_restoring_never_imports_an_untrusted_package(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="--trust evil"):
        check({"_target_": "evil.Class"}, "generator", trust=("good",))


def test_restoring_builds_trusted_classes():
    assert isinstance(
        build({"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1}, "x", trust=()), nn.Linear
    )
    with pytest.raises(UserError, match=f"--trust {HERE}"):
        check(node(width=1), "part", trust=())


def test_building_draws_no_randomness_of_its_own():
    before = torch.get_rng_state()
    build(node(width=1), "part")
    assert torch.equal(before, torch.get_rng_state())
