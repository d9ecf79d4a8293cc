"""What anybody's files may not do: start programs, fill memory, take hours, lead elsewhere, steer a terminal."""

import gzip
import json
import os
import re
import struct
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
from broken import claiming, many_passes, picture, write_tar
from PIL import Image

from diptych.cli.main import main
from diptych.data import caption_files, pictures
from diptych.data.caption_files import read_rows
from diptych.data.folders import inspection
from diptych.data.folders.arrays import read_arrays
from diptych.data.folders.facts import facts_of
from diptych.data.labelled.idx import read_idx
from diptych.data.pictures import as_rgb
from diptych.data.shards.files import LocalFile
from diptych.data.shards.index import table_of
from diptych.data.shards.tar_shard import TarShard

SECONDS = 2.0


@pytest.fixture
def in_seconds():
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("kind", ["EPS", "ICO", "TGA", "SGI", "PCX", "PDF"])
def test_a_format_of_no_photographs_is_not_opened_and_starts_no_program(kind, tmp_path, monkeypatch):
    started = []
    for name in ("Popen", "check_call", "check_output", "call", "run"):
        monkeypatch.setattr(subprocess, name, lambda *given, **_: started.append(given))
    Image.new("RGB", (32, 32)).save(tmp_path / "x.jpg", kind)
    assert facts_of(tmp_path / "x.jpg").fault.startswith("UnidentifiedImageError")
    assert not started


@pytest.mark.usefixtures("in_seconds")
@pytest.mark.parametrize("content", [many_passes(), claiming(9_000, 9_000)])
def test_a_small_file_that_asks_for_much_is_refused_before_it_is_decoded(content, tmp_path):
    (tmp_path / "x.jpg").write_bytes(content)
    assert len(content) < 50_000
    assert "too many to decode" in facts_of(tmp_path / "x.jpg").fault


AT_THE_LIMIT = {
    "RGB": "Image.new('RGB', (6000, 6000)).save(path, 'PNG')",
    "RGBA": "Image.new('RGBA', (4500, 4500)).save(path, 'PNG')",
    "F": "Image.new('F', (4500, 4500)).save(path, 'TIFF', compression='tiff_adobe_deflate')",
    "WEBP": "Image.new('RGB', (3600, 3600)).save(path, 'WEBP')",
    "progressive": "Image.new('RGB', (7700, 7700)).save(path, 'JPEG', progressive=True)",
}
MAKE = "import sys; from PIL import Image; path = sys.argv[1]; "
MEASURE = """
import sys
from pathlib import Path
from diptych.data.folders.facts import facts_of
from PIL import Image

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

Image.init()
before = peak()
fault = facts_of(Path(sys.argv[1])).fault
print((peak() - before) >> 10, fault)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's own peak")
@pytest.mark.parametrize("kind", AT_THE_LIMIT)
def test_the_largest_picture_that_is_decoded_takes_less_than_200_megabytes(kind, tmp_path):
    path = str(tmp_path / "x")
    subprocess.run([sys.executable, "-c", MAKE + AT_THE_LIMIT[kind], path], check=True)
    told = subprocess.run([sys.executable, "-c", MEASURE, path], check=True, capture_output=True, text=True).stdout
    megabytes, _, fault = told.strip().partition(" ")
    assert fault == ""
    assert 40 < int(megabytes) < 200


GREY_AND_ALPHA = {
    "RGBA": lambda noise: noise,
    "LA": lambda noise: noise.convert("LA"),
    "PA": lambda noise: noise.convert("P").convert("PA"),
    "I": lambda noise: noise.convert("L").convert("I"),
    "I;16": lambda noise: noise.convert("L").convert("I").convert("I;16"),
    "F": lambda noise: noise.convert("L").convert("F"),
}


@pytest.mark.parametrize("size", [64, 700, 1_500])
@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_panorama_that_a_check_accepts_is_decoded_at_every_size(mode, size, tmp_path):
    Image.new(mode, (21_000, 2_100)).save(tmp_path / "x.jpg")
    assert facts_of(tmp_path / "x.jpg").fault == ""
    assert pictures.square_bytes(tmp_path / "x.jpg", size).shape == (size, size, 3)


@pytest.mark.parametrize("mode", GREY_AND_ALPHA)
def test_a_picture_converted_in_bands_is_the_picture_converted_as_a_whole(mode, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (13, 7, 4), np.uint8), "RGBA")
    given = GREY_AND_ALPHA[mode](noise)
    assert given.mode == mode
    whole = as_rgb(given)
    monkeypatch.setattr(pictures, "BAND_PIXELS", 20)
    assert as_rgb(given).tobytes() == whole.tobytes()


@pytest.mark.usefixtures("in_seconds")
def test_tens_of_thousands_of_captions_of_one_picture_take_no_hours(tmp_path, folder_data):
    Image.new("RGB", (9, 9)).save(tmp_path / "0.png")
    (tmp_path / "0.txt").write_text("\n".join(map(str, range(30_000))) + "\n7\n")
    findings = folder_data(tmp_path).inspect()
    assert findings.problems == {"repeated_captions": ["0.txt:30001 (0.png: 7)"]}
    assert len(findings.pictures[0].captions) == 30_001


INSIDE = [import_module(f"{caption_files.__name__}.{each.name}") for each in iter_modules(caption_files.__path__)]
PATTERNS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (caption_files, *INSIDE)
    for name, value in vars(module).items()
    if isinstance(value, re.Pattern)
}
SCANNING = (
    "caption_files.SUFFIX",
    "caption_files.BETWEEN_NAMES",
    "text.CONTROL",
    "text.SURROGATE",
    "text_folder.ENTITY",
)
"""They look for a place in the line; all others begin at its beginning."""
PUMPS = (
    *("a", "#", "0", " ", "|", "\t", "/", "/a", "[/EN#1/a", "#a", "#ab#1", "| 1", "1 ", " .1", "0#0\t"),
    *("http://", "http://a\t", ".jpg", "class_1/"),
)


@pytest.mark.usefixtures("in_seconds")
@pytest.mark.parametrize("name", PATTERNS)
def test_no_expression_takes_long_over_a_long_line(name):
    pattern, started = PATTERNS[name], time.process_time()
    for pump in PUMPS:
        for start, end in (("", ""), ("0", "!"), ("[/EN#1", "]"), ("a\t", "\n")):
            line = start + pump * (10_000 // len(pump)) + end
            pattern.fullmatch(line)
            pattern.match(line)
            if name in SCANNING:
                pattern.sub("", line)
    assert time.process_time() - started < SECONDS


KEYS = {f"fil{n}": n for n in range(20_000)}


@pytest.mark.usefixtures("in_seconds")
@pytest.mark.parametrize("entry", [KEYS, {"file_name": "a" * 200_000, "text": ["a"] * 2_000}])
def test_one_strange_object_takes_neither_time_nor_room(entry, tmp_path):
    (tmp_path / "captions.jsonl").write_text(json.dumps(entry) + "\n{}\n")
    rows = read_rows(tmp_path / "captions.jsonl")
    assert sum(len(str(row)) for row in rows) < 1_000_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path, folder_data):
    Image.new("RGB", (9, 9)).save(tmp_path / "0.png")
    os.mkfifo(tmp_path / "0.txt")
    (name,) = folder_data(tmp_path).inspect().problems["malformed_lines"]
    assert name.endswith("it is no plain file)")
    with pytest.raises(ValueError, match="no plain file"):
        _ = LocalFile(tmp_path / "0.txt").version
    with pytest.raises(ValueError, match="no plain file"):
        read_idx(tmp_path / "0.txt", axes=1)


def test_a_compressed_file_may_hold_what_text_holds_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("diptych.data.caption_files.text.FREE_BYTES", 1_000)
    rows = "".join(f"{n}.jpg\ta dog on meadow {n * n}\n" for n in range(2_000)).encode()
    (tmp_path / "a.txt").write_bytes(gzip.compress(rows))
    assert len(read_rows(tmp_path / "a.txt")) == 2_000
    (tmp_path / "a.txt").write_bytes(gzip.compress(b"0.jpg\ta dog\n" * 100_000))
    with pytest.raises(ValueError, match=r"a\.txt cannot be read: it unpacks to more than 64 times its size"):
        read_rows(tmp_path / "a.txt")


def test_a_line_that_never_ends_is_refused_by_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("diptych.data.caption_files.text.MOST_LINE", 30)
    (tmp_path / "a.csv").write_text("file_name,text\n0.jpg,a dog\n1.jpg," + "a" * 30)
    with pytest.raises(ValueError, match=r"a\.csv cannot be read: line 3 has more than 30 characters"):
        read_rows(tmp_path / "a.csv")


@pytest.fixture
def inspected_folder(good_folder, folder_data):
    """A folder that has been looked at, and what was kept of it, by name."""
    folder_data(good_folder).inspect()
    (path,) = (good_folder / ".diptych").glob("inspection-*.npz")
    return good_folder, path, read_arrays(path)


def _elsewhere(arrays):
    files = b"/etc/hostname" + arrays["files"].tobytes()[5:]
    return {"files": np.frombuffer(files, np.uint8), "files_ends": arrays["files_ends"] + 8}


def _upwards(arrays):
    return {"files": np.frombuffer(b"../.." + arrays["files"].tobytes()[5:], np.uint8)}


def _steering(arrays):
    return {"captions": np.frombuffer(b"\x1b" + arrays["captions"].tobytes()[1:], np.uint8)}


def _unknown(arrays):
    said = json.loads(arrays["said"].tobytes()) | {"problems": {"invented": ["x"]}}
    return {"said": np.frombuffer(json.dumps(said).encode(), np.uint8)}


def _without_captions(arrays):
    firsts = arrays["first_captions"].copy()
    firsts[1] = 0
    return {"first_captions": firsts}


@pytest.mark.parametrize("change", [_elsewhere, _upwards, _steering, _unknown, _without_captions])
def test_a_forged_inspection_is_not_believed(change, inspected_folder, folder_data):
    root, path, arrays = inspected_folder
    honest = [picture.file for picture in folder_data(root).inspect().pictures]
    np.savez(path, **{**arrays, **change(arrays)})
    findings = folder_data(root).inspect()
    assert [picture.file for picture in findings.pictures] == honest
    assert all(picture.captions and picture.captions[0].isprintable() for picture in findings.pictures)
    assert findings.problems == {}


def test_a_forged_inspection_that_says_the_same_is_believed(inspected_folder, folder_data, monkeypatch):
    root, path, arrays = inspected_folder
    np.savez(path, **arrays)
    monkeypatch.setattr(inspection, "_keep", lambda *_: pytest.fail("it was found out again"))
    assert folder_data(root).inspect().num_pictures == 10


def test_arrays_that_unpack_to_more_than_they_are_are_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros(1_000_000))
    with pytest.raises(ValueError, match=r"a\.npz cannot be read: it unpacks to more bytes than it has"):
        read_arrays(tmp_path / "a.npz")


ROW = {"offset": 16, "length": 24, "text": 32, "block": 40, "split": 44}
"""Where the fields of a row of a shard's index begin."""


@pytest.fixture
def indexed(tmp_path):
    """A shard, its index, and where the rows begin in it."""
    write_tar(tmp_path / "0.tar", [(f"{n}.png", picture(size=(20 + n, 20)), f"number {n}") for n in range(3)])
    shard = TarShard(LocalFile(tmp_path / "0.tar"))
    path = table_of(shard).path
    return shard, path, path.read_bytes().index(b"\n") + 1


@pytest.mark.parametrize("field", ROW)
@pytest.mark.parametrize("value", [-5, 2**30, -(2**31)])
def test_an_index_that_leads_nowhere_is_made_anew(field, value, indexed):
    shard, path, start = indexed
    content = bytearray(path.read_bytes())
    struct.pack_into("<i" if ROW[field] >= 40 else "<q", content, start + 48 + ROW[field], value)
    path.write_bytes(content)
    if (field, value) != (
        "offset",
        2**30,
    ):  # that is a place in a large shard, and reading there says that it is cut off
        assert [table_of(shard).texts(row) for row in range(3)] == [(f"{n}.png", (f"number {n}",)) for n in range(3)]
        assert table_of(shard).place(1).length < 10_000


def test_damaged_texts_of_an_index_name_the_index(indexed):
    shard, path, _ = indexed
    path.write_bytes(path.read_bytes().replace(b'"number 1"]', b'"number\x001"]'))
    with pytest.raises(ValueError, match=r"\.index is damaged: delete it"):
        table_of(shard).texts(1)


def test_links_out_of_a_folder_are_followed_and_counted(tmp_path, folder_data, write_jsonl):
    (tmp_path / "data").mkdir()
    for name in ("outside.png", "data/inside.png"):
        (tmp_path / name).write_bytes(picture(size=(len(name), 20)))
    (tmp_path / "data" / "out.png").symlink_to("../outside.png")
    (tmp_path / "data" / "in.png").symlink_to("inside.png")
    rows = [{"file_name": name, "text": "a picture"} for name in ("out.png", "in.png", "inside.png")]
    write_jsonl(tmp_path / "data" / "metadata.jsonl", rows)
    findings = folder_data(tmp_path / "data").inspect()
    assert findings.num_pictures == 3
    assert findings.notes["linked_pictures"] == ["out.png"]


@pytest.mark.usefixtures("in_seconds")
def test_a_caption_without_end_is_drawn_at_once():
    from diptych.callbacks.grids import contact_sheet

    assert contact_sheet([Image.new("RGB", (32, 32))], ["a" * 1_000_000]).height < 500


def test_a_message_cannot_steer_the_terminal(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("\x1b]0;owned\x07,text\n")
    assert main(["data", "stats", str(tmp_path), "data.captions=a.csv"]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert "\\x1b]0;owned\\x07" in said
