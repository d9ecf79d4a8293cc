"""Packing is gone on with after a kill, refuses what would spoil data, and writes the same bytes every time."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from diptych.data import DataModule
from diptych.data.derived import DERIVED
from diptych.data.packing import shard
from diptych.data.packing.job import JOURNAL, NoRoomError, Packing
from diptych.data.packing.plan import Plan
from diptych.data.packing.source import refuse_own_folders


@pytest.fixture
def data(folder):
    data = folder()
    data.setup()
    return data


@pytest.fixture
def pack(data, tmp_path):
    def packed(name="out", *, samples=4, side=None):
        written = Packing(Plan.of(data, samples=samples, side=side), tmp_path / name).run(lambda _: None)
        return tmp_path / name, written

    return packed


def test_the_same_plan_writes_the_same_bytes_that_nobody_owns(pack):
    (one, written), (other, _) = pack("one"), pack("other")
    assert contents(one) == contents(other)
    assert sum(each.pictures for each in written) == 20
    with tarfile.open(one / "train-000000.tar") as tar:
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in tar} == {(0, 0, 0, "")}


def test_killed_in_mid_shard_and_begun_again_the_bytes_are_the_same(data, pack, tmp_path):
    child = multiprocessing.get_context("fork").Process(target=killed_at_the_sixth, args=(data, tmp_path / "out"))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    out = tmp_path / "out"
    assert [path.name for path in sorted(out.glob("*.tar*"))] == ["train-000000.tar", "train-000001.tar.partial"]
    before = (out / "train-000000.tar").stat()
    pack("out")
    after = (out / "train-000000.tar").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert not list(out.glob("*.partial"))
    assert contents(out) == contents(pack("undisturbed")[0])


@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_a_shard_that_is_not_whole_is_written_anew_and_the_others_stay(harm, pack):
    out, written = pack()
    whole = contents(out)
    path, kept = out / "train-000001.tar", (out / "train-000000.tar").stat().st_mtime_ns
    if harm == "cut":
        os.truncate(path, 700)
    elif harm == "flip":
        content = bytearray(path.read_bytes())
        content[900] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    assert pack()[1] == written
    assert contents(out) == whole
    assert (out / "train-000000.tar").stat().st_mtime_ns == kept


def test_a_torn_line_of_the_journal_is_no_shard(pack):
    out, written = pack()
    journal = out / DERIVED / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])
    assert pack()[1] == written


@pytest.mark.parametrize(
    ("changed", "said"), [({"samples": 5}, "--samples 4, not 5"), ({"side": 8}, "--size None, not 8")]
)
def test_other_settings_are_refused_and_nothing_is_written(changed, said, pack):
    out, _ = pack()
    before = contents(out)
    with pytest.raises(ValueError, match=said):
        pack(**changed)
    assert contents(out) == before


def test_other_captions_are_other_examples(pack, folder, tmp_path):
    out, _ = pack()
    captions = folder().root / "metadata.jsonl"
    captions.write_text(captions.read_text().replace("Picture 1.", "Picture one."))
    data = folder()
    data.setup()
    with pytest.raises(ValueError, match="other examples"):
        Packing(Plan.of(data, samples=4, side=None), out).run(lambda _: None)


def test_a_folder_with_other_files_is_refused(pack, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "train-000000.tar").write_bytes(b"of somebody else")
    with pytest.raises(ValueError, match=r"has other files in it \(train-000000.tar\)"):
        pack()
    assert (tmp_path / "out" / "train-000000.tar").read_bytes() == b"of somebody else"


@pytest.mark.parametrize("inside", [".", "packed", "a/b"])
def test_the_data_s_own_folder_is_refused(inside, data, packed):
    with pytest.raises(ValueError, match="which is read as data"):
        refuse_own_folders(data, data.root / inside)
    again = packed(data)
    with pytest.raises(ValueError, match="which is read as data"):
        refuse_own_folders(again, again.root / inside)
    refuse_own_folders(data, data.root.parent / "packed")


def test_a_picture_that_changes_after_the_check_stops_the_packing(data, pack):
    picture = data.root / "25.png"
    picture.write_bytes(picture.read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"25.png has changed since it was checked"):
        pack()


def test_a_disk_without_room_is_refused_before_anything_is_written(pack, monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    with pytest.raises(NoRoomError, match=r"the disk has room for 0\.00 GB"):
        pack()
    assert not list((tmp_path / "out").glob("*.tar*"))


def test_a_disk_that_becomes_full_keeps_what_is_whole(pack, monkeypatch, tmp_path):
    add, added = shard._add, []

    def until_full(*arguments):
        if len(added) == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        added.append(add(*arguments))

    with monkeypatch.context() as patch:
        patch.setattr(shard, "_add", until_full)
        with pytest.raises(NoRoomError, match="the same command goes on") as full:
            pack()
    assert full.value.exit_code == os.EX_TEMPFAIL
    assert [path.name for path in (tmp_path / "out").glob("*.tar*")] == ["train-000000.tar"]
    assert contents(pack("out")[0]) == contents(pack("undisturbed")[0])


def test_a_shard_that_does_not_read_as_it_was_written_is_removed(pack, monkeypatch, tmp_path):
    add = shard._add

    def muddled(tar, sample, content, text):
        add(tar, sample, content, text.replace(b"Picture", b"Pictures"))

    monkeypatch.setattr(shard, "_add", muddled)
    with pytest.raises(ValueError, match="does not read as it was written"):
        pack(samples=100)
    assert not list((tmp_path / "out").glob("*.tar*"))


def test_what_no_shard_can_hold_is_left_out_and_named(folder, monkeypatch, tmp_path):
    root = folder().root
    write_noise(root / "25.png", 0, (60, 60))
    rows = [json.loads(line) for line in (root / "metadata.jsonl").read_text().splitlines()]
    rows = [row | {"text": ["long " * 100]} if row["file_name"] == "26.png" else row for row in rows]
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(shard, "MOST_PICTURE_BYTES", 5_000)
    monkeypatch.setattr(shard, "MOST_TEXT_BYTES", 400)
    data = folder()
    data.setup()
    packing = Packing(Plan.of(data, samples=4, side=None), tmp_path / "out")
    written = packing.run(lambda _: None)
    left_out = dict(pair for each in written for pair in each.left_out)
    assert left_out.keys() == {"25.png", "26.png"}
    assert "more than the 5,000 that a picture in a shard may have" in left_out["25.png"]
    assert "more than 400" in left_out["26.png"]
    assert sum(each.pictures for each in written) == 18
    assert packing.run(lambda _: None) == written


@pytest.mark.parametrize(("changed", "said"), [({"samples": 0}, "--samples 0"), ({"side": 0}, "--size 0")])
def test_numbers_that_pack_nothing_are_refused(changed, said, data):
    with pytest.raises(ValueError, match=said):
        Plan.of(data, **({"samples": 1, "side": None} | changed))


def test_data_without_files_without_end_or_with_few_captions_are_refused(scenes, digits, folder):
    few = folder(captioned_share=0.5)
    few.setup()
    wrong = [(scenes(), "drawn without end"), (digits(), "no files of pictures"), (few, "data.captioned_share=0.5")]
    for data, said in wrong:
        with pytest.raises(ValueError, match=said):
            Plan.of(data, samples=1, side=None)


def killed_at_the_sixth(data: DataModule, out: Path) -> None:
    done = []

    def advance(pictures: int) -> None:
        done.append(pictures)
        if sum(done) == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    Packing(Plan.of(data, samples=4, side=None), out).run(advance)


def write_noise(path: Path, seed: int, size: tuple[int, int]) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)).save(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar*"))}
