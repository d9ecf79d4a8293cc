"""A machine in trouble says nothing of a shard: it stops training, also with on_error=skip, and nothing is left out."""

import errno
import os
from pathlib import Path

import pytest
from sharded import SETTINGS

from diptych.data import HuggingFaceData
from diptych.data.shards import index, tar_shard
from diptych.data.shards.columnar.parquet import ParquetShard, RowGroups
from diptych.data.shards.files import BadShardError, LocalFile, is_damage

TROUBLE = (errno.EIO, errno.EMFILE, errno.EACCES, errno.ENOSPC, errno.ESTALE, errno.ENOMEM)


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def data(webdataset, tars):
    return webdataset(tars, on_error="skip")


@pytest.mark.parametrize("number", TROUBLE)
@pytest.mark.parametrize("call", ["stat", "open"])
def test_a_file_that_cannot_be_reached_is_not_left_out(call, number, data, monkeypatch):
    wrong, sound = data.root / "part-003.tar", getattr(Path, call)

    def called(path, *arguments, **named):
        return failing(number)() if path == wrong else sound(path, *arguments, **named)

    monkeypatch.setattr(Path, call, called)
    with pytest.raises(ValueError, match=rf"part-003\.tar cannot be read: {os.strerror(number)}"):
        data.inspect()


@pytest.mark.parametrize("number", TROUBLE)
def test_an_index_that_cannot_be_written_leaves_no_shard_out(number, data, monkeypatch):
    monkeypatch.setattr(index.Table, "write", failing(number))
    with pytest.raises(ValueError, match=rf"index of a shard, cannot be written: {os.strerror(number)}"):
        data.inspect()


def test_memory_that_runs_out_leaves_no_picture_out(data, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("diptych.data.folders.facts.decoded", full)
    with pytest.raises(ValueError, match=r"part-000\.tar: memory ran out"):
        data.inspect()
    monkeypatch.undo()
    assert data.inspect().num_pictures == 40


@pytest.mark.parametrize("error", [*map(OSError, TROUBLE, map(os.strerror, TROUBLE)), MemoryError()])
def test_trouble_of_the_machine_is_no_damage_of_a_file(error):
    assert not is_damage(error)


def test_a_disk_that_fails_within_a_table_is_no_damage_of_the_table(tmp_path, picture, monkeypatch):
    pa = pytest.importorskip("pyarrow", reason="the extra `hf` is not installed")
    pq = pytest.importorskip("pyarrow.parquet", reason="the extra `hf` is not installed")
    pq.write_table(pa.table({"image": [picture] * 50, "text": ["a dog"] * 50}), tmp_path / "a.parquet")
    settings = {"image_column": None, "caption_columns": None}
    shard = ParquetShard(LocalFile(tmp_path / "a.parquet"), settings, RowGroups(1))
    monkeypatch.setattr("pyarrow.parquet.ParquetFile.iter_batches", failing(errno.EIO))
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read: Input/output error") as error:
        shard.survey()
    assert not isinstance(error.value, BadShardError)


def test_an_index_beside_data_that_nobody_may_write_to_is_found(data, monkeypatch):
    data.inspect()
    monkeypatch.setattr("diptych.data.derived._is_writable", lambda folder: False)
    monkeypatch.setattr(tar_shard.TarShard, "survey", lambda shard: pytest.fail("it was looked at again"))
    assert data.inspect().num_pictures == 40


def test_a_link_to_nowhere_is_a_finding(data):
    (data.root / "part-001.tar").unlink()
    (data.root / "part-001.tar").symlink_to("nowhere")
    findings = data.inspect()
    assert len(findings.problems["damaged_shards"]) == 1
    assert findings.num_pictures == 28


def test_a_folder_of_tables_that_cannot_be_read_is_not_passed_over(tmp_path, picture, monkeypatch):
    pa = pytest.importorskip("pyarrow", reason="the extra `hf` is not installed")
    pq = pytest.importorskip("pyarrow.parquet", reason="the extra `hf` is not installed")
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        pq.write_table(pa.table({"image": [picture], "text": ["a dog"]}), tmp_path / split / "0.parquet")
    scandir = os.scandir

    def refused(path):
        if str(path).endswith("test"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ValueError, match=r"/test cannot be read: Permission denied"):
        HuggingFaceData(root=tmp_path, **(SETTINGS | {"on_error": "skip"})).inspect()
