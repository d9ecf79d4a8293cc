"""What `diptych data pack` says of pictures is read from shards, and nothing else that says so is believed."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diptych.data import ExampleRequest
from diptych.data.shards.packed import WORD, Label, Packed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("label"), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, JSON, JSON)
def test_any_json_is_understood_or_refused(fields, told, label):
    for value in (fields, {WORD: fields}, {WORD: {"name": told, "label": label}}):
        try:
            label = Packed.of_fields(value).label
        except ValueError:
            continue
        assert label is None or (label.number >= 0 and label.name.strip())


@given(st.none() | st.just("a/b.c.jpg"), st.none() | st.builds(Label, st.integers(0, 9), st.just("an owl")))
def test_what_is_said_is_read_again(name, label):
    packed = Packed(name, label)
    assert Packed.of_fields(json.loads(json.dumps(packed.fields()))) == packed


def told(name=None, label=None, **fields):
    return json.dumps({"text": "a dog", **fields, **Packed(name, label).fields()}).encode()


@pytest.mark.parametrize("name", ["../1.jpg", "/etc/1.jpg", "a/../../1.jpg"])
def test_a_name_that_leaves_the_data_is_refused(name, problems, picture):
    found = problems([("0.png", picture), ("0.json", told(name))])
    assert [*found] == ["outside_paths"]


def test_two_pictures_of_one_name_are_named_and_captions_go_to_neither_by_mistake(problems, picture, pictures):
    members = [("0.png", picture), ("0.json", told("a.png")), ("1.png", pictures["0001.png"])]
    found = problems([*members, ("1.json", told("a.png"))])
    assert found == {"duplicate_ids": ["one.tar: a.png (two pictures have this name)"]}


@pytest.mark.parametrize("value", [3, {"name": 3}, {"name": "a\nb"}, {"label": "owl"}, {"label": [-1, "owl"]}])
def test_what_nobody_packed_is_a_finding(value, problems, picture):
    found = problems([("0.png", picture), ("0.json", json.dumps({"text": "a dog", WORD: value}).encode())])
    assert [*found] == ["malformed_lines"]
    assert f"{WORD!r}" in found["malformed_lines"][0]


def test_names_ids_and_labels_of_elsewhere_mean_nothing(webdataset, write_tar, tmp_path, pictures):
    elsewhere = json.dumps({"text": "a dog", "file_name": "x", "label": [1, "owl"]}).encode()
    members = [
        *((f"{i}.png", pictures[f"{i:04d}.png"]) for i in range(6)),
        *((f"{i}.json", elsewhere) for i in range(6)),
    ]
    write_tar(tmp_path / "one.tar", members)
    data = webdataset(tmp_path, "one.tar")
    data.setup()
    assert data.spec.labels == ()
    assert data.splits["train"].facts_of(0)["names"].endswith(".png")


def labelled(pictures, labels):
    for number, label in enumerate(labels):
        yield f"{number}.png", pictures[f"{number:04d}.png"]
        yield f"{number}.json", told(label=label, split=("train", "val", "test")[min(number, 2)])


def test_labels_are_in_the_order_of_their_numbers_in_whichever_shard(webdataset, write_tar, tmp_path, pictures):
    labels = [Label(2, "ant"), Label(10, "bee"), Label(0, "owl"), Label(2, "ant")]
    write_tar(tmp_path / "a.tar", labelled(pictures, labels[:3]))
    write_tar(tmp_path / "b.tar", labelled({f"{i:04d}.png": pictures["0009.png"] for i in range(9)}, labels[3:]))
    data = webdataset(tmp_path, ["a.tar", "b.tar"], shard_keys=True)
    data.setup()
    assert (data.spec.labels, data.spec.exclusive_labels) == (("owl", "ant", "bee"), True)
    assert [data.splits["train"][ExampleRequest(i, i)].labels for i in range(2)] == [("ant",), ("ant",)]
    batch = next(iter(data.evaluation_dataloader("test")))
    assert torch.equal(batch.labels, torch.tensor([[True, False, False]]))


def test_labels_of_some_pictures_are_warned_of_and_not_used(webdataset, write_tar, tmp_path, pictures, caplog):
    write_tar(tmp_path / "one.tar", labelled(pictures, [Label(0, "owl"), None, None]))
    data = webdataset(tmp_path, "one.tar")
    data.setup()
    assert (data.spec.labels, data.splits["train"][ExampleRequest(0, 0)].labels) == ((), ())
    assert "1 of 3 good pictures have a label" in caplog.text
