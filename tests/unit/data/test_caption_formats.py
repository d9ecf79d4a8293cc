"""Forms of captions one by one: what is read of each, which line is a fault, and what is refused by which name."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.data.caption_files import CaptionRow, Fault, read_caption_file, read_rows


def read(path: Path, content: str | object) -> list[CaptionRow | Fault]:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_rows(path)


def told(rows: list[CaptionRow | Fault]) -> list[tuple[str | None, str | None]]:
    return [(row.file, row.caption) for row in rows if isinstance(row, CaptionRow)]


def faults(rows: list[CaptionRow | Fault]) -> list[str]:
    return [row.name for row in rows if isinstance(row, Fault)]


def test_karpathy_s_splits_say_file_folder_split_and_id(tmp_path):
    image = {"filepath": "val2014", "filename": "a.jpg", "cocoid": 9, "imgid": 0, "split": "restval"}
    (row,) = read(
        tmp_path / "d.json", {"images": [{**image, "sentences": [{"raw": "A dog .", "tokens": ["a", "dog"]}]}]}
    )
    assert (row.file, row.caption, row.split, row.picture_id) == ("val2014/a.jpg", "A dog .", "restval", "9")


def test_tokens_stand_in_for_a_missing_raw_sentence(tmp_path):
    images = [
        {"filename": "a.jpg", "sentences": [{"tokens": ["a", "dog"]}, "a cat"]},
        {"filename": "b.jpg", "sentences": []},
    ]
    assert told(read(tmp_path / "d.json", {"images": images})) == [
        ("a.jpg", "a dog"),
        ("a.jpg", "a cat"),
        ("b.jpg", None),
    ]


@pytest.mark.parametrize(
    "image",
    [
        *(3, None, [], {}, {"sentences": [{"raw": "a"}]}, {"filename": 3, "sentences": []}),
        *({"filename": "b.jpg", "sentences": 3}, {"filename": "b.jpg", "sentences": [3]}),
        *({"filename": "b.jpg", "sentences": [{}]}, {"filename": "b.jpg", "sentences": [], "split": 3}),
        *({"filename": "b.jpg", "sentences": [], "imgid": []}, {"filename": "b.jpg", "filepath": 3, "sentences": []}),
    ],
    ids=str,
)
def test_a_malformed_image_of_karpathy_s_splits_is_one_fault(image, tmp_path):
    rows = read(tmp_path / "d.json", {"images": [{"filename": "a.jpg", "sentences": [{"raw": "one"}]}, image]})
    assert told(rows) == [("a.jpg", "one")]
    assert len(faults(rows)) == 1


def test_nwpu_s_classes_are_folders(tmp_path):
    table = {"airport": [{"filename": "a.jpg", "split": "val", "raw": "one", "raw_1": "two", "imgid": 3}]}
    rows = read(tmp_path / "dataset_nwpu.json", table)
    assert told(rows) == [("airport/a.jpg", "one"), ("airport/a.jpg", "two")]
    assert {row.split for row in rows} == {"val"}


@pytest.mark.parametrize(
    ("line", "caption"),
    [
        ("a.jpg| 4| a dog , a cat", "a dog , a cat"),
        ("a.jpg|4|a dog", "a dog"),
        ('a.jpg| 4| a " stop sign', 'a " stop sign'),
        ("a.jpg| 4| a dog | a cat", "a dog | a cat"),
        ("a.jpg| 4   A dog runs across the grass .", "A dog runs across the grass ."),
        ("a.jpg| 4 dogs run", None),
        ("a.jpg a dog", None),
        ("| 4| a dog", None),
        ("a.jpg| four| a dog", None),
    ],
)
def test_a_line_of_flickr30k_is_read_where_it_has_one_reading(line, caption, tmp_path):
    rows = read(
        tmp_path / "results.csv", f"image_name| comment_number| comment\nb.jpg| 0| one\n{line}\nb.jpg| 1| two\n"
    )
    assert told(rows) == [("b.jpg", "one"), *([("a.jpg", caption)] if caption else []), ("b.jpg", "two")]
    assert len(faults(rows)) == (caption is None)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("results.csv", "image_name,comment_number,comment\na.jpg,0,one\n", [("a.jpg", "one")]),
        ("train.csv", "filepath\ttitle\na.jpg\tone\n", [("a.jpg", "one")]),
        ("captions.txt", "a.jpg\tone\nb.JPG\ttwo\n", [("a.jpg", "one"), ("b.JPG", "two")]),
        ("a.txt", "a#zhm#0\tone\na#enc#1 two\n", [("a", "one"), ("a", "two")]),
        ("docci.jsonl", {"image_file": "a.jpg", "description": "one", "split": "train"}, [("a.jpg", "one")]),
        (
            "aic.json",
            [{"image_id": "a.jpg", "url": "http://x", "caption": ["one", "two"]}],
            [("a.jpg", "one"), ("a.jpg", "two")],
        ),
        ("meta_cap.json", {"a.jpg": {"caption": "one", "tags": "x, y"}}, [("a.jpg", "one")]),
        (
            "redcaps.json",
            {"annotations": [{"image_id": "x1", "subreddit": "cats", "url": "u", "caption": "one"}]},
            [("cats/x1", "one")],
        ),
        (
            "reid_raw.json",
            [{"file_path": f"{i}.jpg", "captions": ["one"], "id": 1} for i in (0, 1)],
            [("0.jpg", "one"), ("1.jpg", "one")],
        ),
        (
            "textcaps.json",
            {"data": [{"image_id": "a", "set_name": "val", "caption_str": "one", "reference_strs": ["one", "two"]}]},
            [("a", "one")],
        ),
        ("gt.json", {"images": [{"id": 1}], "annotations": [{"image_id": 1, "caption": "one"}]}, [(None, "one")]),
    ],
)
def test_a_public_form_is_read(name, content, rows, tmp_path):
    found = read(tmp_path / name, content)
    assert (told(found), faults(found)) == (rows, [])


def test_the_id_of_a_person_is_not_that_of_a_picture(tmp_path):
    rows = read(tmp_path / "reid_raw.json", [{"file_path": "a.jpg", "captions": ["one"], "id": 1, "split": "train"}])
    assert rows[0].picture_id is None


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([{"from": "human", "value": "what?"}], "a question and an answer"),
        ([{"from": "human", "value": "what?"}, {"from": "gpt", "value": "a dog"}] * 2, "a question and an answer"),
        (3, "a question and an answer"),
        ([{"from": "human", "value": "what?"}, {"from": "gpt", "value": 3}], "no text"),
        ([1, 2], "a question and an answer"),
    ],
)
def test_a_conversation_of_several_turns_is_no_caption(turns, said, tmp_path):
    good = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "one"}]
    rows = read(tmp_path / "llava.json", [{"image": "a.jpg", "conversations": each} for each in (good, turns)])
    assert told(rows) == [("a.jpg", "one")]
    assert said in faults(rows)[0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cc3m.tsv", "a dog\thttp://example.org/0.jpg\n", "addresses of pictures.*img2dataset"),
        ("cc12m.tsv", "https://example.org/0.jpg\ta dog\n", "addresses of pictures.*img2dataset"),
        ("laion.csv", "url,caption\nhttp://x/0.jpg,a dog\n", "addresses of pictures.*img2dataset"),
        ("sbu.json", {"image_urls": ["http://x"], "captions": ["a dog"]}, "SBU's list of addresses.*img2dataset"),
        ("vg.json", [{"id": 1, "regions": [{"phrase": "a dog"}]}], "Visual Genome's regions"),
        ("msrvtt.json", {"videos": [], "sentences": []}, "captions of videos"),
        ("dataset_infos.json", {"default": {"features": {}, "splits": {}}}, "description of a data set"),
        ("a.json", "3", "must be a list of objects"),
    ],
)
def test_what_is_not_read_is_refused_by_its_name(name, content, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path / name, content)
    assert name in str(error.value)


def test_addresses_in_lines_are_faults_with_the_way_on(tmp_path):
    (fault,) = faults(read(tmp_path / "iiw.jsonl", {"image/url": "http://x", "IIW": "a long description"}))
    assert "ImageInWords" in fault
    assert "img2dataset" in fault


def test_a_tar_archive_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"0.jpg".ljust(257, b"\0") + b"ustar")
    with pytest.raises(ValueError, match="is a tar archive"):
        list(read_caption_file(tmp_path / "a.txt"))


KEYS = st.sampled_from(
    [
        *(
            "images",
            "annotations",
            "sentences",
            "filename",
            "filepath",
            "raw",
            "raw_1",
            "split",
            "cocoid",
            "imgid",
            "id",
        ),
        *("tokens", "image_id", "file_name", "caption", "text", "captions", "data", "caption_str", "reference_strs"),
        *(
            "set_name",
            "dataset_id",
            "annotator_id",
            "conversations",
            "from",
            "value",
            "image",
            "file_path",
            "subreddit",
        ),
        *("url", "regions", "videos", "features", "image_urls"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=5),
    max_leaves=12,
)


@given(
    table=st.dictionaries(KEYS, JSON, min_size=1, max_size=6)
    | st.lists(st.dictionaries(KEYS, JSON, max_size=6), min_size=1, max_size=3)
)
def test_no_document_ends_in_anything_but_rows_faults_or_one_message(table, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.json"
    said = str(path)
    try:
        rows = read(path, table)
    except ValueError as error:
        rows, said = [], str(error)
    assert str(path) in said
    assert all(isinstance(row, CaptionRow | Fault) for row in rows)


@pytest.mark.parametrize(
    "line",
    [
        " " * 200_000,
        "|" * 200_000,
        "a" + " |" * 100_000,
        "#" * 200_000,
        "[/EN#1/a " * 20_000,
        "1 .1" * 50_000,
        "\t#a" * 70_000,
    ],
    ids=lambda line: line[:9],
)
@pytest.mark.parametrize(
    "first",
    [
        "image_name| comment_number| comment\na.jpg| 0| one",
        "a.jpg#0\tone",
        "a#zhc#0 one",
        "a.jpg\tone",
        "file_name,text\na.jpg,one",
    ],
)
def test_no_line_takes_long(first, line, tmp_path):
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text(line)
    (tmp_path / "captions.txt").write_text(f"{first}\n{line}\n")
    start = time.process_time()
    list(read_caption_file(tmp_path / "captions.txt"))
    list(read_caption_file(tmp_path / "text"))
    assert time.process_time() - start < 2
