"""Packed data are the same data: splits, names, captions, labels, bytes, and so every example."""

import tarfile
from dataclasses import replace
from itertools import islice

import pytest
import torch
from PIL import Image
from sharded import SETTINGS

from diptych.data import ExampleRequest, HuggingFaceData, WebDatasetData
from diptych.data.packing.job import Packing
from diptych.data.packing.plan import Plan

SOURCES = ("folder", "karpathy", "classes")


@pytest.fixture(params=SOURCES)
def source(request):
    data = request.getfixturevalue(request.param)(seed=7, captions_per_image=2)
    data.setup()
    return data


@pytest.fixture
def again(source, packed):
    data = packed(source, seed=7, captions_per_image=2)
    data.setup()
    return data


def test_evaluation_reads_the_same_batches(source, again):
    assert replace(again.spec, name=source.spec.name) == source.spec
    for split in ("val", "test"):
        pairs = zip(source.evaluation_dataloader(split), again.evaluation_dataloader(split), strict=True)
        for one, other in pairs:
            assert_same(one, other)


def test_training_reads_the_same_example_at_the_same_draw(source, again):
    train, other = source.splits["train"], again.splits["train"]
    assert other.size == train.size > 0
    index_of = {other.identity_of(index): index for index in range(other.size)}
    for index in range(train.size):
        same = index_of.pop(train.identity_of(index))
        one, packed = (s[ExampleRequest(i, 1_000 + index)] for s, i in ((train, index), (other, same)))
        assert torch.equal(one.image, packed.image)
        assert (one.key, one.sentences, one.references, one.labels) == (
            *(packed.key, packed.sentences, packed.references, packed.labels),
        )
        assert train.facts_of(index) == other.facts_of(same)
    assert not index_of


def test_a_pass_of_training_over_shards_has_every_example_once(source, again):
    size = again.splits["train"].size
    draws = [key for batch in islice(again.train_dataloader(), size) for key in batch.keys]
    names = {source.splits["train"].facts_of(index)["names"] for index in range(size)}
    for start in range(0, len(draws), size):
        assert sorted(draws[start : start + size]) == sorted(names)


def test_packed_data_can_be_packed_again_and_stay_the_same(again, tmp_path):
    Packing(Plan.of(again, samples=100, side=None), tmp_path / "twice").run(lambda _: None)
    twice = WebDatasetData(root=tmp_path / "twice", shards="*.tar", **(SETTINGS | {"captions_per_image": 2}))
    twice.setup()
    assert twice.spec == again.spec
    for split in ("val", "test"):
        for one, other in zip(again.evaluation_dataloader(split), twice.evaluation_dataloader(split), strict=True):
            assert_same(one, other)


def test_rows_of_parquet_keep_their_names(tmp_path, packed):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    rows = {"image": [(tmp_path / "red.png").read_bytes()] * 9, "text": [f"red {i}" for i in range(9)]}
    (tmp_path / "table").mkdir()
    parquet.write_table(arrow.table(rows), tmp_path / "table" / "data.parquet", row_group_size=2)
    data = HuggingFaceData(root=tmp_path / "table", **SETTINGS)
    data.setup()
    again = packed(data)
    again.setup()
    for split, examples in data.splits.items():
        names = [again.splits[split].facts_of(index)["names"] for index in range(examples.size)]
        assert sorted(names) == sorted(examples.facts_of(index)["names"] for index in range(examples.size))
    assert names[0].startswith("data.parquet/")


def test_classes_are_mixed_and_their_labels_in_order(classes, packed):
    data = classes()
    data.setup()
    again = packed(data, samples=6)
    again.setup()
    assert again.spec.labels == ("zebra", "ant", "crane (n03)", "crane (n04)")
    assert again.spec.exclusive_labels
    with tarfile.open(again.root / "train-000000.tar") as tar:
        first = [name for name in tar.getnames() if name.endswith(".png")]
    labels = {again.splits["train"].label_of(index) for index in range(len(first))}
    assert len(labels) > 1


def assert_same(one, other):
    assert one.keys == other.keys
    assert (one.sentences, one.references) == (other.sentences, other.references)
    for name in ("images", "tokens", "token_mask", "labels"):
        pair = getattr(one, name), getattr(other, name)
        assert pair == (None, None) or torch.equal(*pair), name
