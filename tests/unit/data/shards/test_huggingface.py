import sys
from itertools import islice, pairwise

import pytest
import torch
from sharded import SETTINGS

from diptych.data import ExampleRequest, HuggingFaceData
from diptych.data.shards.columnar.parquet import ParquetShard

pa = pytest.importorskip("pyarrow", reason="the extra `hf` is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="the extra `hf` is not installed")


@pytest.fixture
def hf():
    def build(root, **changes):
        return HuggingFaceData(root=root, **(SETTINGS | {"shuffle_shards": 2} | changes))

    return build


@pytest.fixture
def table(pictures, captions):
    """The forty pictures as `datasets` keep them: a struct of bytes and path, and a list of captions."""
    images = [{"bytes": content, "path": name} for name, content in pictures.items()]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({"image": pa.array(images, kind), "captions": list(captions.values()), "label": [0] * 40})


def write_parquet(folder, table):
    pq.write_table(table.slice(0, 23), folder / "part-0.parquet", row_group_size=7)
    pq.write_table(table.slice(23), folder / "part-1.parquet", row_group_size=100)


def write_arrow(folder, table):
    for number, part in enumerate((table.slice(0, 23), table.slice(23))):
        with pa.ipc.new_stream(str(folder / f"data-{number}.arrow"), part.schema) as writer:
            writer.write_table(part, max_chunksize=9)


def write_arrow_file(folder, table):
    large = table.set_column(0, "image", table["image"].combine_chunks().field("bytes").cast(pa.large_binary()))
    large = large.append_column("file_name", table["image"].combine_chunks().field("path"))
    with pa.ipc.new_file(str(folder / "data.arrow"), large.schema) as writer:
        writer.write_table(large, max_chunksize=9)


def files(folder):
    return [*folder.glob("*.parquet"), *folder.glob("*.arrow")]


WRITERS = [write_parquet, write_arrow, write_arrow_file]


@pytest.mark.parametrize("write", WRITERS)
def test_tables_have_the_examples_of_a_folder(write, hf, tmp_path, table, folder_data, picture_folder):
    (tmp_path / "tables").mkdir()
    write(tmp_path / "tables", table)
    mine, other = hf(tmp_path / "tables"), folder_data(picture_folder)
    for data in (mine, other):
        data.setup()
    assert mine.inspect().problems == {}
    assert mine.spec.vocabulary == other.spec.vocabulary
    for split in ("train", "val", "test"):
        one, same = mine.splits[split], other.splits[split]
        place = {same.facts_of(index)["names"]: index for index in range(same.size)}
        assert len(place) == one.size == same.size
        for index in range(one.size):
            theirs = place[one.facts_of(index)["names"]]
            assert one.identity_of(index) == same.identity_of(theirs)
            assert one.facts_of(index) == same.facts_of(theirs)
            for draw in (7 + index, None):
                example, expected = one[ExampleRequest(index, draw)], same[ExampleRequest(theirs, draw)]
                assert (example.sentences, example.references) == (expected.sentences, expected.references)
                assert torch.equal(example.image, expected.image)


@pytest.mark.parametrize("workers", [0, 2])
def test_row_groups_are_shards_and_a_resumed_run_is_exact(workers, hf, tmp_path, table):
    write_parquet(tmp_path, table)

    def batches(start, number, **changes):
        data = hf(tmp_path, val_share=0.0, test_share=0.0, shuffle_shards=1, **changes)
        data.setup()
        data.batches_consumed = start
        return [(batch.keys, batch.images) for batch in islice(data.train_dataloader(), number)]

    whole, resumed = batches(0, 12), batches(5, 7, num_workers=workers)
    assert [keys for keys, _ in resumed] == [keys for keys, _ in whole[5:]]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(resumed, whole[5:], strict=True))
    places = [int(key[:4]) for keys, _ in whole[:10] for key in keys]
    assert sorted(places) == list(range(40))
    row_group = [place // 7 if place < 21 else 3 if place < 23 else 4 for place in places]
    assert sum(a != b for a, b in pairwise(row_group)) == 4


def test_a_row_group_is_read_once_while_its_group_is_trained_on(hf, tmp_path, table, monkeypatch):
    write_parquet(tmp_path, table)
    data = hf(tmp_path, val_share=0.0, test_share=0.0)
    data.setup()
    read, column = [], ParquetShard.column
    monkeypatch.setattr(ParquetShard, "column", lambda shard, block: (read.append(block), column(shard, block))[1])
    list(islice(data.train_dataloader(), 10))
    assert sorted(read) == [0, 0, 1, 2, 3]


def test_splits_are_those_of_the_files_names_or_of_their_folders(hf, tmp_path, table):
    (tmp_path / "validation").mkdir()
    pq.write_table(table.slice(0, 20), tmp_path / "train-00000-of-00001.parquet")
    pq.write_table(table.slice(20, 5), tmp_path / "validation" / "00000.parquet")
    pq.write_table(table.slice(25), tmp_path / "test-00000-of-00001.parquet")
    data = hf(tmp_path)
    data.setup()
    assert {name: split.size for name, split in data.splits.items()} == {"train": 20, "val": 5, "test": 15}


def test_files_of_one_name_in_the_folders_of_splits_are_told_apart(hf, tmp_path, table):
    for split, part in (("train", table.slice(0, 30)), ("test", table.slice(30))):
        (tmp_path / split).mkdir()
        nameless = pa.table({"image": part["image"].combine_chunks().field("bytes"), "text": part["captions"]})
        with pa.ipc.new_stream(str(tmp_path / split / "data-00000-of-00001.arrow"), nameless.schema) as writer:
            writer.write_table(nameless)
    data = hf(tmp_path)
    assert data.inspect().problems == {}
    data.setup()
    assert data.splits["test"].size == 10
    assert data.splits["test"].facts_of(0)["names"] == "test/data-00000-of-00001.arrow/0"
    named = hf(tmp_path, shard_keys=True).inspect()
    assert named.samples.key(0).startswith("test/data-00000-of-00001/")


def test_an_evaluation_reads_each_row_group_once(hf, tmp_path, table, monkeypatch):
    write_parquet(tmp_path, table)
    data = hf(tmp_path, shuffle_shards=1)
    data.setup()
    read, column = [], ParquetShard.column
    monkeypatch.setattr(ParquetShard, "column", lambda shard, block: (read.append(block), column(shard, block))[1])
    for split in ("val", "test"):
        keys = [key for batch in data.evaluation_dataloader(split) for key in batch.keys]
        assert keys == [data.splits[split].facts_of(index)["names"] for index in range(8)]
        units = data.splits[split]._units.tolist()
        assert units == sorted(units)
        assert len(read) == len(set(units))
        read.clear()
        data.splits[split].samples.shards[0].row_groups._columns.clear()


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (pa.struct([("bytes", pa.int64()), ("path", pa.string())]), {"bytes": 3, "path": "a.png"}),
        (pa.struct([("bytes", pa.list_(pa.uint8()))]), {"bytes": [3, 4]}),
        (pa.struct([("bytes", pa.binary()), ("path", pa.int32())]), {"bytes": b"x", "path": 7}),
    ],
)
@pytest.mark.parametrize("write", ["parquet", "arrow"])
def test_a_struct_whose_bytes_are_no_bytes_is_refused_by_name(write, kind, row, hf, tmp_path):
    table = pa.table({"image": pa.array([row], kind), "text": ["a dog"]})
    if write == "parquet":
        pq.write_table(table, tmp_path / "a.parquet")
    else:
        with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as writer:
            writer.write_table(table)
    for changes in ({}, {"image_column": "image"}):
        with pytest.raises(ValueError, match=r"a\.(parquet|arrow): .*image.*struct<bytes"):
            hf(tmp_path, **changes).setup()


@pytest.mark.parametrize("write", ["parquet", "arrow"])
def test_two_columns_of_one_name_are_refused_by_name(write, hf, tmp_path, picture):
    table = pa.table([pa.array([picture]), pa.array(["a dog"]), pa.array(["a cat"])], ["image", "text", "text"])
    if write == "parquet":
        pq.write_table(table, tmp_path / "a.parquet")
    else:
        with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(ValueError, match="two columns are called 'text'"):
        hf(tmp_path).setup()


def test_files_that_datasets_write_beside_the_data_are_no_data(hf, tmp_path, table):
    write_arrow(tmp_path, table)
    for name in ("cache-123.arrow", "indices-1.arrow", ".hidden.arrow"):
        (tmp_path / name).write_bytes(b"no data")
    assert hf(tmp_path).inspect().num_pictures == 40


def test_captions_may_stand_in_columns_of_other_names(hf, tmp_path, table):
    named = table.rename_columns(["image", "en", "alt"]).set_column(2, "alt", pa.array(["another", None] * 20))
    pq.write_table(named, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"data\.caption_columns=\[…\]; it has image .*, en .*, alt"):
        hf(tmp_path).setup()
    findings = hf(tmp_path, caption_columns=("alt", "en")).inspect()
    assert findings.problems == {}
    assert findings.samples.captions(0) == ("another", "Picture number 0.", "a plain picture")
    assert findings.samples.captions(1) == ("Picture number 1.", "a plain picture")


def test_rows_of_one_picture_are_one_picture_with_all_captions(hf, tmp_path, picture, pictures):
    rows = {
        "image": [picture, picture, pictures["0001.png"]],
        "file_name": ["a.png", "a.png", "a.png"],
        "text": ["one", "two", "of another picture"],
    }
    pq.write_table(pa.table(rows), tmp_path / "a.parquet", row_group_size=1)
    findings = hf(tmp_path).inspect()
    assert findings.problems == {"duplicate_ids": ["a.parquet: a.png (two pictures have this name)"]}
    assert findings.samples.captions(0) == ("one", "two")


def test_every_fault_of_a_row_is_named(hf, tmp_path, picture):
    images = [
        {"bytes": picture, "path": "good.png"},
        {"bytes": None, "path": "elsewhere.png"},
        None,
        {"bytes": picture[:200], "path": "cut.png"},
        {"bytes": picture, "path": "../out.png"},
        {"bytes": picture, "path": "silent.png"},
        {"bytes": picture, "path": None},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    texts = ["a dog", "b", "c", "d", "e", " ", "nameless"]
    pq.write_table(pa.table({"image": pa.array(images, kind), "text": texts}), tmp_path / "a.parquet")
    findings = hf(tmp_path).inspect()
    assert findings.problems == {
        "missing_files": [
            "a.parquet: row 1 (it has no bytes of a picture, only the path elsewhere.png: save the table with the "
            "pictures in it)",
            "a.parquet: row 2 (it has no bytes of a picture)",
        ],
        "outside_paths": ["a.parquet: row 4 (../out.png)"],
        "empty_captions": ["a.parquet: row 5 (silent.png)"],
        "undecodable_files": ["a.parquet: cut.png"],
        "pictures_without_captions": ["a.parquet: silent.png"],
    }
    assert [findings.samples.key(i) for i in range(2)] == ["good.png", "a.parquet/6"]


def test_a_row_that_is_no_utf8_leaves_the_others_of_its_row_group(hf, tmp_path, pictures):
    broken = pa.Array.from_buffers(pa.string(), 3, pa.array([b"a dog", b"caf\xe9", b"a cat"]).buffers())
    pq.write_table(pa.table({"image": list(pictures.values())[:3], "text": broken}), tmp_path / "a.parquet")
    findings = hf(tmp_path).inspect()
    assert findings.problems == {"broken_text": ["a.parquet: row 1 (it is not UTF-8)"]}
    assert [findings.samples.captions(number) for number in (0, 1)] == [("a dog",), ("a cat",)]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("keep", [0, 4, 100, 2000, 20_000])
def test_a_file_that_is_cut_off_is_a_finding(write, keep, hf, tmp_path, table):
    write(tmp_path, table)
    for file in files(tmp_path):
        file.write_bytes(file.read_bytes()[:keep])
    problems = hf(tmp_path).inspect().problems["damaged_shards"]
    assert all(any(file.name in name for name in problems) for file in files(tmp_path))


@pytest.mark.parametrize("write", WRITERS)
def test_bytes_that_changed_are_no_more_than_findings(write, hf, tmp_path, table):
    write(tmp_path, table)
    for file in files(tmp_path):
        content = bytearray(file.read_bytes())
        for place in range(50, len(content), 397):
            content[place] ^= 0xFF
        file.write_bytes(content)
    findings = hf(tmp_path).inspect()
    assert findings.problems


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"url": ["https://x/1.jpg"], "text": ["a dog"]}, "addresses of pictures, not their bytes: fetch them first"),
        ({"text": ["a dog"]}, "no column has the bytes of pictures; it has text"),
        ({"a": [b"1"], "b": [b"2"], "text": ["c"]}, r"name data\.image_column="),
    ],
)
def test_tables_without_pictures_are_refused_with_the_way_on(columns, said, hf, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=said):
        hf(tmp_path).setup()


def test_a_row_group_larger_than_memory_is_refused_unread(hf, tmp_path, table, monkeypatch):
    monkeypatch.setattr("diptych.data.shards.columnar.parquet.MOST_GROUP_BYTES", 9000)
    write_parquet(tmp_path, table)
    (first, *_) = hf(tmp_path).inspect().problems["damaged_shards"]
    assert first.startswith("part-0.parquet: row group 0: it has ")
    assert "row_group_size=100" in first


def test_compressed_batches_are_refused_with_the_way_on(hf, tmp_path, table):
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(str(tmp_path / "a.arrow"), table.schema, options=options) as writer:
        writer.write_table(table)
    (name,) = hf(tmp_path).inspect().problems["damaged_shards"]
    assert name.startswith("a.arrow: its batches are compressed")
    assert name.endswith("write Parquet")


@pytest.mark.parametrize("write", WRITERS)
def test_a_table_that_changes_while_it_is_trained_on_is_named(write, hf, tmp_path, table):
    write(tmp_path, table)
    data = hf(tmp_path)
    data.setup()
    for file in files(tmp_path):
        file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"(part|data).* has changed since it was indexed: start again"):
        data.splits["train"][ExampleRequest(0)]


def test_without_pyarrow_a_message_names_the_extra(hf, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ValueError, match=r"pip install 'diptych\[hf\]'"):
        hf(tmp_path).setup()


@pytest.mark.parametrize(("name", "said"), [("nowhere", "is not a folder"), (".", "data=webdataset")])
def test_a_folder_without_tables_is_refused_with_the_way_on(name, said, hf, tmp_path):
    with pytest.raises(ValueError, match=said):
        hf(tmp_path / name).setup()
