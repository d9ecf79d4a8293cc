"""A dotted key leads to its value through mappings and lists, and nowhere else."""

import pytest

from diptych.config.keys import value_at

VALUES = {"a": {"b": [1, {"c": 0}], "text": "abc", "empty": None}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("a.b.0", 1),
        ("a.b.1.c", 0),
        ("a", VALUES["a"]),
        ("a.empty", None),
        ("a.empty.more", None),
        ("a.text.0", None),
        ("a.b.2", None),
        ("a.b.x", None),
        ("none.at.all", None),
    ],
)
def test_a_dotted_key_has_its_value_or_none(key, value):
    assert value_at(VALUES, key) == value
