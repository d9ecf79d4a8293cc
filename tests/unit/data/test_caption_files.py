import json
from pathlib import Path

import pytest

from diptych.data.caption_files import CaptionRow, Fault, read_caption_file


def read(path: Path, text: str) -> tuple[list[tuple[str, str | None]], list[str]]:
    """(file, caption) of the rows, and the kinds of the faults."""
    path.write_text(text, encoding="utf-8")
    found = list(read_caption_file(path))
    rows = [(entry.file, entry.caption) for entry in found if isinstance(entry, CaptionRow)]
    return rows, [entry.kind for entry in found if isinstance(entry, Fault)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n\n{"file_name": "a.jpg", "text": "two"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "captions": ["one", "two"]}\n'),
        ("metadata.csv", "file_name,text\na.jpg,one\na.jpg,two\n"),
        ("metadata.csv", '\ufefffile_name,caption\r\n"a.jpg","one"\r\na.jpg,two\r\n'),
        ("captions.txt", "image,caption\na.jpg,one\na.jpg,two\n"),
        ("Flickr8k.token.txt", "a.jpg#0\tone\r\na.jpg#1\ttwo\r\n"),
        (
            "captions.json",
            json.dumps(
                {
                    "images": [{"id": 7, "file_name": "a.jpg"}],
                    "annotations": [
                        {"id": 1, "image_id": 7, "caption": "one"},
                        {"id": 2, "image_id": 7, "caption": "two"},
                    ],
                }
            ),
        ),
    ],
)
def test_every_format_gives_the_same_two_captions(tmp_path, name, text):
    assert read(tmp_path / name, text) == ([("a.jpg", "one"), ("a.jpg", "two")], [])


def test_splits_and_picture_ids_are_read_from_their_columns(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_text("file_name,text,split,id\na.jpg,one,val,5\nb.jpg,two,,6\n")
    first, second = read_caption_file(path)
    assert (first.split, first.picture_id) == ("val", "5")
    assert (second.split, second.picture_id) == (None, "6")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": \n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n["b.jpg", "two"]\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"text": "two"}\n'),
        ("metadata.jsonl", '{"file_name": "a.jpg", "text": "one"}\n{"file_name": "b.jpg", "text": 2}\n'),
        ("metadata.csv", "file_name,text\na.jpg,one\nb.jpg,two, and an unquoted comma\n"),
        ("captions.txt", "a.jpg#0\tone\nb.jpg two\n"),
    ],
)
def test_a_malformed_line_is_a_fault_and_the_others_are_read(tmp_path, name, text):
    assert read(tmp_path / name, text) == ([("a.jpg", "one")], ["malformed_lines"])


def test_a_listed_picture_without_captions_is_a_row_without_one(tmp_path):
    coco = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    assert read(tmp_path / "c.json", json.dumps(coco)) == ([("a.jpg", None)], [])
    assert read(tmp_path / "metadata.jsonl", '{"file_name": "a.jpg"}') == ([("a.jpg", None)], [])
    assert read(tmp_path / "metadata.jsonl", '{"file_name": "a.jpg", "text": []}') == ([("a.jpg", None)], [])


def test_repeated_and_unknown_coco_ids_are_faults(tmp_path):
    coco = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}],
        "annotations": [{"id": 1, "image_id": 1, "caption": "one"}, {"id": 2, "image_id": 9, "caption": "two"}],
    }
    rows, faults = read(tmp_path / "captions.json", json.dumps(coco))
    assert rows == [("a.jpg", "one")]
    assert faults == ["duplicate_ids", "missing_files"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("captions.json", b'{"images": []}', "not a COCO caption file"),
        ("captions.json", b"[1, 2", "not a COCO caption file"),
        ("metadata.csv", b"path,words\na.jpg,one\n", "has the columns path, words; it needs file_name and text"),
        ("metadata.jsonl", b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        list(read_caption_file(tmp_path / name))
    assert name in str(error.value)


def test_the_real_flickr8k_captions_are_all_read(shared_data):
    rows = list(read_caption_file(shared_data / "flickr8k" / "Flickr8k.token.txt"))
    assert len(rows) == 40_460
    assert all(isinstance(row, CaptionRow) and row.caption for row in rows)


def test_the_real_coco_captions_are_all_read(shared_data):
    rows = list(read_caption_file(shared_data / "coco_val2017_captions" / "captions_val2017.json"))
    assert len(rows) == 25_014
    assert len({row.file for row in rows}) == 5_000
