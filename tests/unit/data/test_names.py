import json
from pathlib import Path

import pytest
from PIL import Image

from diptych.data.names import PictureName, picture_names


def put(root: Path, *files: str) -> list[Path]:
    paths = [root / file for file in files]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)
    return paths


def write_rows(path: Path, *files: str, **columns: object) -> None:
    path.write_text("".join(json.dumps({"file_name": file, "text": "a dog", **columns}) + "\n" for file in files))


def write_coco(path: Path, files: dict[object, str]) -> None:
    images = [{"id": key, "file_name": file} for key, file in files.items()]
    annotations = [{"id": i, "image_id": key, "caption": "a dog"} for i, key in enumerate(files)]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


def columns(given: list[Path], files: list[Path]) -> list[dict[str, object]]:
    return [name.columns() for name in picture_names(given, files)]


def test_a_picture_is_called_by_its_path_below_the_folder(tmp_path):
    files = put(tmp_path, "a.jpg", "b/c.jpg")
    assert columns([tmp_path], files) == [{"file_name": "a.jpg"}, {"file_name": "b/c.jpg"}]
    write_rows(tmp_path / "metadata.jsonl", "a.jpg", "./b/c.jpg")
    assert columns([tmp_path], files) == [{"file_name": "a.jpg"}, {"file_name": "b/c.jpg"}]


def test_a_picture_is_called_as_the_folder_s_captions_call_it(tmp_path):
    files = put(tmp_path, "val2017/000000000042.jpg", "val2017/x.jpg")
    write_coco(tmp_path / "annotations" / "captions_val2017.json", {42: "000000000042.jpg"})
    assert columns([tmp_path], files) == [
        {"file_name": "000000000042.jpg", "image_id": 42},
        {"file_name": "val2017/x.jpg"},
    ]
    assert columns([tmp_path / "val2017"], files[:1]) == [{"file_name": "000000000042.jpg"}]


@pytest.mark.parametrize(("given", "written"), [(7, 7), ("7", 7), ("007", "007"), ("x7", "x7")])
def test_an_id_is_written_as_a_number_where_it_is_one(given, written):
    assert PictureName("a.jpg", str(given)).columns() == {"file_name": "a.jpg", "image_id": written}


def test_files_given_one_by_one_are_called_as_the_captions_beside_them_do(tmp_path, monkeypatch):
    put(tmp_path, "pics/a.jpg", "pics/b.jpg", "other/a.jpg")
    write_rows(tmp_path / "pics" / "metadata.jsonl", "a.jpg", id=5)
    monkeypatch.chdir(tmp_path)
    files = [Path("pics/a.jpg"), Path("pics/b.jpg")]
    assert columns(files, files) == [{"file_name": "a.jpg", "image_id": 5}, {"file_name": "pics/b.jpg"}]


def test_no_name_stands_for_two_pictures(tmp_path, monkeypatch):
    put(tmp_path, "one/a.jpg", "two/a.jpg", "two/b.jpg")
    monkeypatch.chdir(tmp_path)
    files = [Path("one/a.jpg"), Path("two/a.jpg"), Path("two/b.jpg")]
    names = [name.file_name for name in picture_names([Path("one"), Path("two")], files)]
    assert names == ["one/a.jpg", "two/a.jpg", "b.jpg"]


def test_captions_that_cannot_be_read_change_no_name(tmp_path):
    files = put(tmp_path, "a.jpg")
    (tmp_path / "captions.json").write_text("[1, 2")
    assert columns([tmp_path], files) == [{"file_name": "a.jpg"}]
