import json

import torch

from diptych.metrics.protocols import differences
from diptych.metrics.weights_digest import weights_digest

PROTOCOL = {
    "run": "20260101-000000-aaaaaa",
    "checkpoint": "best",
    "images_seen": 1000,
    "data": "scenes",
    "num": 1000,
    "overrides": ("data.root=here",),
    "features": {"network": "random-0", "weights": "12ab", "n_real": 1000},
}


def test_a_protocol_never_differs_from_itself_not_even_read_from_a_file():
    assert differences(PROTOCOL, PROTOCOL) == []
    assert differences(PROTOCOL, json.loads(json.dumps(PROTOCOL))) == []


def test_what_was_measured_may_differ():
    other = PROTOCOL | {
        "run": "another",
        "checkpoint": "last",
        "images_seen": 5,
        "commit": "f00",
        "versions": {"torch": "3"},
    }
    assert differences(PROTOCOL, other) == []


def test_every_other_key_that_differs_is_named_with_both_values():
    other = PROTOCOL | {"num": 500, "features": PROTOCOL["features"] | {"weights": "34cd"}}
    assert differences(PROTOCOL, other) == ["num: 1000 and 500", "features.weights: 12ab and 34cd"]
    assert differences(other, PROTOCOL) == ["num: 500 and 1000", "features.weights: 34cd and 12ab"]


def test_a_key_that_one_of_them_lacks_counts():
    without = {key: value for key, value in PROTOCOL.items() if key != "features"}
    assert differences(without, PROTOCOL) == [
        "features.network: nothing and random-0",
        "features.weights: nothing and 12ab",
        "features.n_real: nothing and 1000",
    ]


def test_what_is_measured_with_another_run_is_measured_otherwise():
    first, second = (PROTOCOL | {"with": {"run": run}} for run in ("one", "other"))
    assert differences(first, second) == ["with.run: one and other"]


def test_a_digest_depends_on_names_shapes_types_and_values_and_on_nothing_else():
    state = {"a": torch.arange(6.0), "b": torch.ones(2, 3)}
    digest = weights_digest(state)
    assert len(digest) == 64
    assert weights_digest({"b": torch.ones(3, 2).T, "a": torch.arange(6.0).clone()}) == digest
    changed = (
        {"c": state["a"], "b": state["b"]},
        {"a": state["a"].reshape(2, 3), "b": state["b"]},
        {"a": state["a"].double(), "b": state["b"]},
        {"a": state["a"] + 1e-6, "b": state["b"]},
    )
    assert len({digest, *map(weights_digest, changed)}) == 5
