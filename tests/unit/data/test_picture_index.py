"""A folder's pictures are examined once, and again where they have changed."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.data import FolderData
from diptych.data.derived import DERIVED
from diptych.data.folders import picture_index
from diptych.data.folders.facts import facts_of
from diptych.data.folders.leaks import look_alikes, same_bytes
from diptych.data.folders.picture import PackedPictures, Picture, Texts
from diptych.data.folders.picture_index import PictureIndex


@pytest.fixture
def counted(monkeypatch) -> list[str]:
    """The names of the files that are examined."""
    names: list[str] = []

    def counting(path: Path):
        names.append(path.name)
        return facts_of(path)

    monkeypatch.setattr(picture_index, "facts_of", counting)
    return names


@pytest.fixture
def pictures(tmp_path) -> list[str]:
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    return [str(tmp_path / f"{number}.png") for number in range(6)]


def test_unchanged_files_are_not_examined_again(tmp_path, pictures, counted):
    first = PictureIndex(tmp_path).facts(pictures)
    assert len(counted) == 6
    assert PictureIndex(tmp_path).facts(pictures) == first
    assert len(counted) == 6
    assert {(facts.width, facts.height, facts.fault) for facts in first} == {(16, 12, "")}


def test_a_changed_file_is_found_and_a_touched_one_is_known_again(tmp_path, pictures, counted):
    PictureIndex(tmp_path).facts(pictures)
    os.utime(pictures[1], (1, 1))
    Path(pictures[3]).write_bytes(b"no picture")
    counted.clear()
    facts = PictureIndex(tmp_path).facts(pictures)
    assert counted == ["3.png"]
    assert [bool(each.fault) for each in facts] == [False, False, False, True, False, False]


def test_a_damaged_index_costs_what_it_has_lost(tmp_path, pictures, counted):
    first = PictureIndex(tmp_path).facts(pictures)
    file = tmp_path / DERIVED / picture_index.FILE
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(lines[0] + b'["1.png", 3]\n[\n{}\nnull\n' + b"\xff\xfe" + b"".join(lines[2:4]))
    counted.clear()
    assert PictureIndex(tmp_path).facts(pictures) == first
    assert 0 < len(counted) < 6


def test_another_decoder_tries_again_what_the_one_before_could_not_decode(tmp_path, pictures, counted, monkeypatch):
    Path(pictures[2]).write_bytes(b"of a format that only a later version reads")
    PictureIndex(tmp_path).facts(pictures)
    counted.clear()
    PictureIndex(tmp_path).facts(pictures)
    assert counted == []
    monkeypatch.setattr("PIL.__version__", "1000.0")
    PictureIndex(tmp_path).facts(pictures)
    assert counted == ["2.png"]


def test_a_full_disk_costs_the_index_and_nothing_else(tmp_path, pictures, caplog, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture_index.Journal, "append", full)
    assert not any(facts.fault for facts in PictureIndex(tmp_path).facts(pictures))
    assert "No space left" in caplog.text


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path):
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "too large for a picture" in facts_of(path).fault


def test_a_folder_may_be_moved_with_its_index(tmp_path, pictures, counted):
    PictureIndex(tmp_path).facts(pictures)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-moved"
    shutil.copytree(tmp_path, elsewhere)
    counted.clear()
    PictureIndex(elsewhere).facts([str(elsewhere / Path(path).name) for path in pictures])
    assert counted == []


def test_what_was_found_out_before_a_kill_is_kept(tmp_path, pictures):
    script = (
        "import os, signal, sys\n"
        "from diptych.data.folders import picture_index\n"
        "from pathlib import Path\n"
        "picture_index.AT_ONCE = 2\n"
        "examine = picture_index.facts_of\n"
        "def until_the_fifth(path):\n"
        "    if path.name == '4.png':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return examine(path)\n"
        "picture_index.facts_of = until_the_fifth\n"
        "picture_index.PictureIndex(Path(sys.argv[1])).facts(sys.argv[2:])\n"
    )
    child = subprocess.run([sys.executable, "-c", script, str(tmp_path), *pictures], capture_output=True)
    assert child.returncode == -signal.SIGKILL
    rows = (tmp_path / DERIVED / picture_index.FILE).read_text().splitlines()
    assert [json.loads(row)[0] for row in rows] == ["0.png", "1.png", "2.png", "3.png"]


@given(st.lists(st.text()))
def test_packed_texts_are_the_texts(texts):
    packed = Texts.of(texts)
    assert [*packed] == texts
    assert [packed[i] for i in range(-len(texts), len(texts))] == texts * 2
    with pytest.raises(IndexError):
        packed[len(texts)]


NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1)
PICTURES = st.builds(
    Picture,
    key=NAMES,
    file=st.sampled_from(["/there/a.png", "/elsewhere/b.png"]),
    captions=st.lists(st.text()),
    split=st.sampled_from([None, "train", "val", "test"]),
    size=st.integers(0, 1 << 40),
    digest=st.sampled_from(["", "0123456789abcdef"]),
)


@given(st.lists(PICTURES))
def test_packed_pictures_are_the_pictures(pictures):
    packed = PackedPictures.of(pictures, Path("/there"))
    again = PackedPictures.of_arrays(packed.arrays(), Path("/there"))
    assert [*packed] == [*again] == pictures
    assert [packed[i] for i in range(len(packed))] == pictures


def encoded(picture: Image.Image, kind: str = "PNG", **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


GREY = Image.new("L", (9, 9), 100)
KINDS: dict[str, Callable[[], bytes]] = {
    "transparent_pictures": lambda: encoded(Image.new("RGBA", (9, 9), (9, 9, 9, 9))),
    "deep_pictures": lambda: encoded(Image.fromarray(np.full((9, 9), 40_000, dtype=np.uint16))),
    "other_colour_spaces": lambda: encoded(Image.new("CMYK", (9, 9), (9, 9, 9, 9)), "JPEG"),
    "animated_pictures": lambda: encoded(GREY, "GIF", save_all=True, append_images=[Image.new("L", (9, 9), 200)]),
    "turned_pictures": lambda: encoded(GREY, "JPEG", exif=_turned()),
    "damaged_exif": lambda: encoded(GREY, "JPEG", exif=b"Exif\0\0XX\0*\0\0\0\x08\0\0"),
}


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_that_training_converts_are_noted(tmp_path, kind):
    path = tmp_path / "picture"
    path.write_bytes(KINDS[kind]())
    assert facts_of(path).notes == (kind,)
    assert facts_of(path).fault == ""
    path.write_bytes(encoded(GREY))
    assert facts_of(path).notes == ()


def test_a_picture_that_claims_too_many_pixels_is_not_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (8_000, 8_000)).save(path)
    assert path.stat().st_size < 20_000
    assert "too many to decode" in facts_of(path).fault


def test_photographs_saved_again_are_found_in_another_split_and_others_are_not(tmp_path):
    rng = np.random.default_rng(1)
    looks, splits = [], []
    for number in range(60):
        photograph = Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)).resize((200, 150))
        for split, kind in enumerate(("PNG", "JPEG")[: 2 if number < 5 else 1]):
            path = tmp_path / f"{number}.{kind}"
            (photograph.resize((120, 90)) if split else photograph).save(path, kind)
            looks.append(facts_of(path).look)
            splits.append(split)
    assert look_alikes(looks, splits) == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
    assert look_alikes(looks, [0] * len(looks)) == []


def test_pictures_of_even_surfaces_are_no_look_alikes(tmp_path):
    path = tmp_path / "grey.png"
    GREY.save(path)
    assert look_alikes([facts_of(path).look] * 2, [0, 1]) == []


def test_the_same_bytes_in_two_splits_are_a_pair_and_in_one_are_none():
    one, same, other = (Picture(key, key, digest=digest) for key, digest in (("a", "1"), ("b", "1"), ("c", "2")))
    assert same_bytes({"train": [one, same], "val": [other]}) == []
    assert same_bytes({"train": [one, other], "val": [same]}) == [("val: b", "train: a")]


def folder_data(root: Path) -> FolderData:
    return FolderData(
        root=root,
        captions=None,
        images=None,
        split_files=None,
        val_share=0.2,
        test_share=0,
        on_error="skip",
        image_size=8,
        random_crop=False,
        min_count=1,
        max_length=9,
        captions_per_image=1,
        tokenizer="word",
        batch_size=2,
    )


def with_captions(root: Path, number: int = 6) -> None:
    rows = (json.dumps({"file_name": f"{each}.png", "text": f"picture {each}"}) for each in range(number))
    (root / "metadata.jsonl").write_text("\n".join(rows))


def test_a_folder_that_has_not_changed_is_opened_without_reading_captions(tmp_path, pictures, monkeypatch):
    with_captions(tmp_path)
    first = folder_data(tmp_path).inspect()
    monkeypatch.setattr(FolderData, "_find_out", None)
    again = folder_data(tmp_path).inspect()
    assert [*again.pictures] == [*first.pictures]
    assert (again.problems, again.notes) == (first.problems, first.notes)


def _rename(root: Path) -> None:
    (root / "1.png").rename(root / "other.png")


def _damage(root: Path) -> None:
    (root / "1.png").write_bytes(b"no picture")


def _other_captions(root: Path) -> None:
    with_captions(root, 5)


def _add(root: Path) -> None:
    (root / "folder").mkdir()
    GREY.save(root / "folder" / "new.png")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (_rename, "missing_files"),
        (_damage, "undecodable_files"),
        (_other_captions, "unlisted_files"),
        (_add, "unlisted_files"),
    ],
)
def test_whatever_changes_in_a_folder_is_found(tmp_path, pictures, change, kind):
    with_captions(tmp_path)
    assert folder_data(tmp_path).inspect().problems == {}
    change(tmp_path)
    assert kind in folder_data(tmp_path).inspect().problems


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()])
def test_a_fault_that_may_pass_is_looked_at_again(tmp_path, pictures, monkeypatch, error):
    with_captions(tmp_path)

    def failing(path: Path) -> bytes:
        if path.name == "3.png":
            raise error
        return path.read_bytes()

    with monkeypatch.context() as patched:
        patched.setattr("diptych.data.folders.facts.read_picture", failing)
        assert "undecodable_files" in folder_data(tmp_path).inspect().problems
    assert folder_data(tmp_path).inspect().problems == {}


def test_other_settings_are_another_inspection(tmp_path, pictures):
    with_captions(tmp_path)
    (tmp_path / "few.jsonl").write_text('{"file_name": "0.png", "text": "one"}')
    data = folder_data(tmp_path)
    assert len(data.inspect().pictures) == 6
    data.captions = "few.jsonl"
    assert len(data.inspect().pictures) == 1
    data.captions = None
    assert len(data.inspect().pictures) == 6
