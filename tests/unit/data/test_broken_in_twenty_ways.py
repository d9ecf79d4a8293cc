"""One folder with files broken in all ways of `broken`: each is named, and training goes on without them or not at all.

The same pictures and captions in shards are judged alike.
"""

import gzip
import itertools
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from broken import GOOD, SCRIPT, WAYS, picture, write_tar

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.data.caption_files.faults import KINDS, NOTES
from diptych.runs.folder.status import DONE
from diptych.runs.training import train

PLAIN = 12
"""Good pictures beside the broken ones, to train on."""
HERE = [way for way in WAYS if way.file != "secret.jpg" or os.geteuid()]
"""Root reads what nobody may."""
ALSO = {"pictures_without_captions", "unlisted_files", "same_pictures"}
"""Said of some of them besides."""
SHARDED = [way for way in HERE if way.fits_in_a_shard]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "folder"
    root.mkdir()
    for number in range(PLAIN):
        (root / f"{number}.png").write_bytes(picture(size=(20 + number, 20)))
    plain = [json.dumps({"file_name": f"{number}.png", "text": f"number {number}"}) for number in range(PLAIN)]
    for way in HERE:
        way.write(root)
    (root / "metadata.jsonl").write_text("\n".join([*plain, *(way.line for way in HERE)]), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    members = [(f"{n}.png", picture(size=(20 + n, 20)), f"number {n}") for n in range(PLAIN)]
    members += [(way.file, way.content(), way.caption) for way in SHARDED if way.content]
    path = tmp_path_factory.mktemp("shards") / "0.tar"
    write_tar(path, [(f"{n}{name}", content, caption) for n, (name, content, caption) in enumerate(members)])
    return path


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLUMNS", raising=False)


def checked(capsys, *words: str) -> Mapping[str, list[str]]:
    """What `diptych data check --json` names, by kind."""
    main(["data", "check", *words, "--json"])
    report = json.loads(capsys.readouterr().out)
    return {each["kind"]: each["names"] for each in [*report["problems"], *report["notes"]]}


def test_a_check_names_each_way_by_its_kind_its_file_and_its_line(folder, capsys):
    found = checked(capsys, str(folder))
    for number, way in enumerate(HERE, start=PLAIN + 1):
        name = f"metadata.jsonl:{number} " if way.is_named_by_line else way.file
        kinds = {kind for kind, names in found.items() if any(each.startswith(name) for each in names)}
        assert kinds - ALSO == ({way.kind} - {GOOD}), way
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)


def test_a_check_of_shards_finds_the_same(shard, capsys):
    found = checked(capsys, "webdataset", f"data.root={shard.parent}", "data.shards=0.tar")
    for number, way in enumerate(SHARDED, start=PLAIN):
        kinds = {kind for kind, names in found.items() if any(f"{number}{way.file.split('.')[0]}." in n for n in names)}
        assert kinds - {*ALSO, "pictures_without_captions"} == ({way.kind} - {GOOD}), way


def source(kind: str, folder: Path, shard: Path) -> list[str]:
    return {
        "folder": ["data=folder", f"data.root={folder}"],
        "webdataset": ["data=webdataset", f"data.root={shard.parent}", "data.shards=0.tar"],
    }[kind]


SMALL = ["model=cnn_rnn", "data.image_size=32", "data.num_workers=0", "data.batch_size=4", "tracking=none"]


@pytest.mark.parametrize(("kind", "ways"), [("folder", HERE), ("webdataset", SHARDED)])
def test_training_without_the_broken_ones_ends_and_says_how_many_good_ones_remain(kind, ways, folder, shard, caplog):
    caplog.set_level(logging.WARNING)
    config = compose([*source(kind, folder, shard), *SMALL, "data.on_error=skip", "budget_images=40", "debug=one_step"])
    run, _ = train(config)
    assert run.read_status().status == DONE
    good = PLAIN + sum(way.is_good for way in ways)
    assert f"left out, with {good} good pictures remaining" in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
def test_training_with_the_broken_ones_stops_before_the_first_step(kind, folder, shard, tmp_path, capsys):
    assert main(["train", *source(kind, folder, shard), *SMALL, "budget_images=40"]) == 2
    said = capsys.readouterr().err
    assert "has problems:" in said
    assert f"diptych data check {folder if kind == 'folder' else kind}" in said
    assert "\x1b" not in said
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_caption_with_a_script_is_text_on_the_page(folder, tmp_path):
    for split in ("train", "val", "test"):
        assert main(["data", "preview", str(folder), "--split", split, "--out", str(tmp_path / f"{split}.html")]) == 0
    page = (tmp_path / "train.html").read_text()
    assert SCRIPT.split(">")[0] + ">" not in page
    assert "alert" in page


LATIN = '{"file_name": "0.png", "text": "café"}\n'.encode("latin-1")
PICKLE = b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\2os\x94\x8c\6system\x94\x93."
WHOLE_FILES = {
    "an encoding that is not UTF-8": ("metadata.jsonl", LATIN, "line 1 is not UTF-8"),
    "a gzip file that is cut off": ("metadata.jsonl", b"\x1f\x8b\x08\0\0\0\0\0\0\3", "cannot be read"),
    "a gzip file that fills the memory": ("metadata.jsonl", gzip.compress(b"a b\n" * (1 << 20)), "64 times its size"),
    "no captions at all": ("metadata.jsonl", b"", "it is empty"),
    "a page of HTML": ("captions.csv", b"<!doctype html><title>404</title>", "captions.csv"),
    "a pickle": ("captions.json", PICKLE, "is a pickle"),
}


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("way", WHOLE_FILES)
def test_captions_that_cannot_be_read_at_all_stop_training_by_their_name(way, on_error, folder_data, tmp_path):
    name, content, said = WHOLE_FILES[way]
    (tmp_path / "0.png").write_bytes(picture())
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name) as error:
        folder_data(tmp_path, on_error=on_error).setup()
    assert said in str(error.value)


def test_a_quote_that_does_not_close_is_a_fault_of_its_line_alone(folder_data, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(picture(size=(20 + number, 20)))
    (tmp_path / "metadata.csv").write_text('file_name,text\n0.png,a dog\n1.png,"a cat\n2.png,a cow\n')
    findings = folder_data(tmp_path).inspect()
    assert findings.num_pictures == 2
    (name,) = findings.problems["malformed_lines"]
    assert name.startswith("metadata.csv:3 (a quote opens and does not close")


def _cut_off(whole: bytes) -> bytes:
    return whole[:-3_000]


def _rubbish_between(whole: bytes) -> bytes:
    header = whole.index(b"2.png\0")
    return whole[:header] + b"rubbish" * 73 + b"!" + whole[header + 512 :]


def _rubbish_behind(whole: bytes) -> bytes:
    return whole + b"rubbish" * 100


@pytest.mark.parametrize("damage", [_cut_off, _rubbish_between, _rubbish_behind])
def test_a_damaged_shard_is_named_and_what_is_before_the_damage_is_kept(damage, tmp_path, capsys):
    samples = [(f"{n}.png", picture(size=(40 + n, 40)), f"number {n}") for n in range(4)]
    write_tar(tmp_path / "0.tar", samples)
    (tmp_path / "0.tar").write_bytes(damage((tmp_path / "0.tar").read_bytes().rstrip(b"\0") + bytes(1024)))
    found = checked(capsys, "webdataset", f"data.root={tmp_path}", "data.shards=0.tar")
    assert found["damaged_shards"][0].startswith("0.tar: ")


def test_every_way_is_another_file_and_there_are_twenty_of_them():
    files = [way.file for way in WAYS]
    assert len(set(files)) == len(files) >= 20
    assert all(way.kind in itertools.chain((GOOD,), KINDS, NOTES) for way in WAYS)
