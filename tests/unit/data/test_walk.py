"""Whoever lists the files of a folder follows links, ends, and leaves out what is hidden."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from diptych.data.caption_files.text_folder import text_folder
from diptych.data.folders.class_rows import find_classes, rows_of
from diptych.data.folders.located import pictures_in
from diptych.data.walk import REPEATED, Unread, Visited, followed_links, walk


def picture(path: Path, text: str = "a dog") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(path)
    path.with_suffix(".txt").write_text(text)


def files_of(root: Path) -> list[str]:
    return [entry.path for found in walk(root) if isinstance(found, Visited) for entry in found.files]


FOLDERS = ("a", "b", "c", "a/d", "b/e")


@given(links=st.lists(st.tuples(st.sampled_from(FOLDERS), st.sampled_from((".", *FOLDERS))), max_size=12, unique=True))
def test_every_file_is_found_once_by_its_own_place_whatever_links_there_are(links, tmp_path_factory):
    root = tmp_path_factory.mktemp("walk")
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "file").write_text(folder)
    for number, (place, target) in enumerate(links):
        os.symlink(root / target, root / place / f"!{number}")
    assert sorted(files_of(root)) == sorted(str(root / folder / "file") for folder in FOLDERS)
    assert sum(isinstance(found, Unread) and found.reason == REPEATED for found in walk(root)) == len(links)
    assert followed_links(root) == []


def test_chains_of_links_take_no_longer_than_their_folders(tmp_path):
    for number in range(40):
        (tmp_path / "elsewhere" / str(number)).mkdir(parents=True)
        for name in ("first", "second"):
            os.symlink(tmp_path / "elsewhere" / str(number + 1), tmp_path / "elsewhere" / str(number) / name)
    (tmp_path / "root").mkdir()
    os.symlink(tmp_path / "elsewhere" / "0", tmp_path / "root" / "start")
    assert len(followed_links(tmp_path / "root")) == 40


@pytest.fixture
def linked(tmp_path) -> Path:
    """A folder with a picture, one behind a link, and several that are hidden."""
    root = tmp_path / "root"
    picture(root / "dog" / "0.png")
    picture(tmp_path / "elsewhere" / "1.png")
    os.symlink(tmp_path / "elsewhere", root / "dog" / "more")
    for hidden in (".diptych/2.png", "__MACOSX/dog/0.png", "dog/._0.png", "dog/.thumbs/3.png"):
        picture(root / hidden)
    return root


def test_pictures_texts_and_classes_are_the_same_visible_files(linked):
    visible = ["dog/0.png", "dog/more/1.png"]
    assert [path.relative_to(linked).as_posix() for path in pictures_in(linked)] == visible
    assert [row.file for row in text_folder(linked)] == visible
    rows = rows_of(linked, find_classes(linked))
    assert [row.file for row in rows if hasattr(row, "caption")] == visible


def test_followed_links_are_counted_and_what_they_lead_to_is_watched(linked, folder_data):
    data = folder_data(linked, val_share=0, test_share=0)
    findings = data.inspect()
    assert findings.problems == {}
    assert findings.notes["followed_links"] == ["dog/more"]
    (linked.parent / "elsewhere" / "1.txt").write_text("a fox behind a link")
    assert sorted(picture.captions[0] for picture in data.inspect().pictures) == ["a dog", "a fox behind a link"]


def test_a_picture_that_captions_name_through_a_link_is_listed(tmp_path, folder_data, write_jsonl):
    picture(tmp_path / "pictures" / "0.png")
    os.symlink(tmp_path / "pictures", tmp_path / "images")
    write_jsonl(tmp_path / "metadata.jsonl", [{"file_name": "images/0.png", "text": "a dog"}])
    assert folder_data(tmp_path).inspect().problems == {}


def test_a_hidden_picture_that_captions_name_is_watched(tmp_path, folder_data, write_jsonl):
    picture(tmp_path / ".pictures" / "0.png")
    write_jsonl(tmp_path / "metadata.jsonl", [{"file_name": ".pictures/0.png", "text": "a dog"}])
    data = folder_data(tmp_path)
    assert data.inspect().num_pictures == 1
    (tmp_path / ".pictures" / "0.png").write_bytes(b"no picture")
    assert list(data.inspect().problems) == ["undecodable_files"]
