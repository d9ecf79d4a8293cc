"""Files of captions go on where they were cut off, at every byte: no line twice, none lost, none broken."""

import json
from pathlib import Path

import pytest

from diptych.config import UserError
from diptych.data.caption_files import CaptionRow, read_rows
from diptych.runs.labelling import FORMATS, Labels, check_holds, format_of

ENTRIES = [
    {"file_name": "a/1.png", "caption": "a red circle, on a square", "score": -0.5},
    {"file_name": "2.png", "image_id": 7, "caption": 'the "blue" one', "score": -1.0},
    {"file_name": "红.png", "caption": "一个红色的圆", "score": -0.25},
]
REQUEST = {"run": "r", "options": {"beam": 2}}


def write_all(path: Path, kind: str) -> tuple[int, bytes]:
    """Write what is missing; how many captions there were, and the file then."""
    with Labels.begun(path, kind, REQUEST) as labels:
        found = len(labels)
        for entry in ENTRIES:
            if not labels.has({key: entry[key] for key in ("file_name", "image_id") if key in entry}):
                labels.write([entry])
        labels.finish()
    return found, path.read_bytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_off_at_any_byte_becomes_what_it_would_have_been(kind, tmp_path):
    path = tmp_path / "captions"
    _, whole = write_all(path, kind)
    counts = set()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        found, again = write_all(path, kind)
        assert again == whole
        counts.add(found)
    assert counts >= {0, 1, 2}
    rows = read_rows(path)
    assert all(isinstance(row, CaptionRow) for row in rows)
    assert [row.caption for row in rows] == [entry["caption"] for entry in ENTRIES]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_is_whole_after_every_write(kind, tmp_path):
    path = tmp_path / "captions"
    with Labels.begun(path, kind, REQUEST) as labels:
        for number, entry in enumerate(ENTRIES, 1):
            labels.write([entry])
            assert [row.caption for row in read_rows(path)] == [entry["caption"] for entry in ENTRIES[:number]]


def test_results_are_what_coco_s_tools_read(tmp_path):
    path = tmp_path / "results.json"
    write_all(path, format_of(path, None))
    assert json.loads(path.read_text()) == [
        {"image_id": entry.get("image_id", entry["file_name"]), "caption": entry["caption"]} for entry in ENTRIES
    ]


def test_an_unfinished_file_of_another_request_is_refused_and_a_finished_one_replaced(tmp_path):
    path = tmp_path / "captions.jsonl"
    with Labels.begun(path, "jsonl", REQUEST) as labels:
        labels.write(ENTRIES[:1])
    with pytest.raises(UserError, match=r"begun with options \{'beam': 2\}, not options \{'beam': 3\}"):
        Labels.begun(path, "jsonl", {**REQUEST, "options": {"beam": 3}})
    with pytest.raises(UserError, match="begun with format jsonl, not format csv"):
        Labels.begun(path, "csv", REQUEST)
    assert write_all(path, "jsonl")[0] == 1
    with Labels.begun(path, "jsonl", {**REQUEST, "options": {"beam": 3}}) as labels:
        assert len(labels) == 0
    assert path.read_bytes() == b""


def test_a_line_of_somebody_else_is_named(tmp_path):
    path = tmp_path / "captions.jsonl"
    write_all(path, "jsonl")
    path.write_text("no line of ours\n" + path.read_text())
    with pytest.raises(UserError, match="line 1 is not one that diptych wrote"):
        Labels.begun(path, "jsonl", REQUEST)


def test_the_suffix_says_the_format_unless_one_is_named(tmp_path):
    named = [("a.csv", None), ("a.json", None), ("a.jsonl", None), ("a", None), ("a.csv", "coco")]
    assert [format_of(Path(name), kind) for name, kind in named] == ["csv", "coco", "jsonl", "jsonl", "coco"]
    with pytest.raises(UserError, match="--format xml: choose jsonl, csv, coco"):
        format_of(Path("a"), "xml")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_somebody_else_is_never_replaced(kind, tmp_path):
    path = tmp_path / "captions"
    path.write_text("mine\n")
    with pytest.raises(UserError, match="not known to be diptych's"):
        Labels.begun(path, kind, REQUEST)
    assert path.read_text() == "mine\n"
    assert [file.name for file in tmp_path.iterdir()] == ["captions"]
    path.write_bytes(b"")
    assert write_all(path, kind)[0] == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_a_call_killed_before_its_record_begins_anew(kind, tmp_path):
    path = tmp_path / "captions"
    with Labels.begun(path, kind, REQUEST):
        pass
    (tmp_path / ".captions.request.json").unlink()
    assert write_all(path, kind)[0] == 0


def test_what_a_format_would_drop_is_refused():
    asked = {"num_captions=2": False, "--words": True}
    for kind in ("csv", "coco"):
        with pytest.raises(UserError, match=f"--words: a {kind} file has one caption"):
            check_holds(kind, asked)
        check_holds(kind, dict.fromkeys(asked, False))
    check_holds("jsonl", asked)
