"""Values of a table in place of captions: how they are said, what is missing, and how networks read them."""

import json
import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.config.components import build
from diptych.config.datasets import composed_data
from diptych.plain_types import DataSpec
from diptych.text.column_symbols import ColumnSymbols
from diptych.text.columns import fault_of_value, sentence_of, values_of

ROWS = [
    {"file_name": "0.png", "Colour": "red", "size": 3.0},
    {"file_name": "1.png", "Colour": "red", "size": "NA"},
    {"file_name": "2.png", "Colour": None, "size": 3},
    {"file_name": "3.png", "Colour": "Blue", "size": 4},
    {"file_name": "4.png", "Colour": "", "size": float("nan")},
]
words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":;"), min_size=1, max_size=8)


def csv_of(rows) -> str:
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *lines])


def json_of(rows) -> str:
    return "\n".join(map(json.dumps, rows))


@pytest.fixture(params=[("metadata.csv", csv_of), ("metadata.jsonl", json_of)], ids=["csv", "jsonl"])
def table(request, tmp_path):
    name, written = request.param
    (tmp_path / name).write_text(written(ROWS))
    for i in range(len(ROWS)):
        Image.new("RGB", (8, 8), (40 * i, 0, 0)).save(tmp_path / f"{i}.png")
    return tmp_path


def opened(folder, *overrides):
    names = [] if any(o.startswith("data.columns") for o in overrides) else ["data.columns=[colour,size]"]
    shares = ["data.val_share=0", "data.test_share=0", "data.on_error=skip"]
    config = composed_data(str(folder), [*names, *shares, *overrides])
    data = build(config["data"], "data", {"seed": 0})
    return data, *data.divide(data.usable())


def said(splits) -> dict[str, list[str]]:
    return {picture.key: list(picture.captions) for held in splits.values() for picture in held}


def test_a_missing_value_is_left_out_and_counted(table, caplog):
    with caplog.at_level(logging.WARNING):
        data, spec, splits = opened(table)
    assert said(splits) == {
        "0.png": ["colour: red; size: 3"],
        "1.png": ["colour: red"],
        "2.png": ["size: 3"],
        "3.png": ["colour: Blue; size: 4"],
    }
    assert spec.columns == {"colour": ["red", "blue"], "size": ["3", "4"]}
    assert "colour is missing 1 times (25.0 %): left out of the sentence" in caplog.text
    findings = data.inspect()
    assert findings.notes["missing_values"] == ["1.png (size)", "2.png (colour)"]
    assert findings.problems["pictures_without_captions"] == ["4.png"]


def test_a_missing_value_is_filled_with_the_commonest_of_training(table, caplog):
    with caplog.at_level(logging.WARNING):
        _, _, splits = opened(table, "data.missing=fill")
    assert said(splits)["1.png"] == ["colour: red; size: 3"]
    assert said(splits)["2.png"] == ["colour: red; size: 3"]
    assert "given the value that most training pictures have, red" in caplog.text


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("data.columns=[color,size]", "color is no column of metadata.*did you mean colour"),
        ("data.columns=[]", "give a list of names"),
        ("data.columns=[size,SIZE]", "names a column twice"),
        ("data.columns=['a:b']", "cannot be said"),
        ("data.missing=drop", "choose mask or fill"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(table, override, says):
    with pytest.raises(ValueError, match=says):
        opened(table, override)


def test_a_value_that_would_end_another_is_a_fault(table):
    (table / "metadata.csv").unlink(missing_ok=True)
    rows = [*ROWS, {"file_name": "4.png", "Colour": "red; size: 9", "size": 3}]
    (table / "metadata.jsonl").write_text(json_of(rows))
    data, _, _ = opened(table)
    (fault,) = data.inspect().problems["malformed_lines"]
    assert "holds ';'" in fault


@given(st.dictionaries(words.map(str.casefold), words.map(str.casefold), min_size=1, max_size=4))
def test_a_sentence_gives_its_values_back(values):
    plain = {name.casefold(): value.casefold() for name, value in values.items()}
    assert not any(map(fault_of_value, plain.values()))
    assert values_of(sentence_of(plain)) == plain


def symbols() -> ColumnSymbols:
    columns = {"colour": ["red", "blue"], "size": ["3", "4", "5"]}
    spec = DataSpec("folder", 8, 3, ("<pad>", "<bos>", "<eos>", "<unk>"), 8, columns=columns)
    return ColumnSymbols(data_spec=spec)


def test_each_column_is_a_fact_and_a_missing_one_has_no_symbol():
    read = symbols()(["Colour: RED; size: 4", "size: 5", ""])
    assert read.shape == (3, 2, 6)
    assert torch.equal(read[0], torch.tensor([[1.0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0]]))
    assert read[1].any(1).tolist() == [False, True]
    assert not read[2].any()


def test_a_value_that_training_never_had_says_nothing_and_is_told(caplog):
    assert not symbols()(["colour: pink"]).any()
    assert "'colour: pink' is no value that training pictures have" in caplog.text
    assert "colour: red | blue; size: 3 | 4 | 5" in caplog.text


def test_data_without_columns_are_refused():
    spec = DataSpec("digits", 8, 1, ("<pad>", "<bos>", "<eos>", "<unk>"), 8)
    with pytest.raises(ValueError, match=r"name them with data\.columns"):
        ColumnSymbols(data_spec=spec)
