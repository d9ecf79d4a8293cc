"""Splits by lists of names, and whether they are as large as published."""

import logging
import pickle

import pytest

from diptych.data.folders.picture import Picture
from diptych.data.folders.splits import apply_split_lists
from diptych.runs.folder.layout import digest_of


def pictures(*keys: str) -> list[Picture]:
    return [Picture(key, None, ["a"]) for key in keys]


@pytest.mark.parametrize(("name", "listed"), [("a.txt", b"0\nb/1\n"), ("a.pickle", pickle.dumps(["0", "b/1"], 2))])
@pytest.mark.parametrize("suffix", ["", ".png"])
def test_a_list_of_names_without_suffixes_means_pictures_of_any_suffix(name, listed, suffix, tmp_path):
    (tmp_path / name).write_bytes(listed)
    kept = apply_split_lists(pictures(f"0{suffix}", f"b/1{suffix}", f"2{suffix}"), {"train": tmp_path / name})
    assert [(p.key, p.split) for p in kept] == [(f"0{suffix}", "train"), (f"b/1{suffix}", "train")]


def test_a_name_in_two_lists_stays_in_the_first_and_is_told(tmp_path, caplog):
    (tmp_path / "a.txt").write_text("0.png\n1.png")
    (tmp_path / "b.txt").write_text("1.png\n2.png")
    lists = {"train": tmp_path / "a.txt", "test": tmp_path / "b.txt"}
    kept = apply_split_lists(pictures("0.png", "1.png", "2.png"), lists)
    assert [p.split for p in kept] == ["train", "train", "test"]
    assert "1 names of" in caplog.text
    assert "(1.png)" in caplog.text


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (None, False),
        ({"train": 8}, False),
        ([{"train": 1}, {"train": 8}], False),
        ({"train": 6000, "val": 1000}, True),
        ([{"train": 7}, {"train": 8, "val": 2}], True),
    ],
)
def test_other_sizes_than_published_are_told_in_one_line(expected, told, good_folder, write_jsonl, folder_data, caplog):
    rows = [{"file_name": f"{i}.png", "text": "a dog", "split": "train"} for i in range(8)]
    write_jsonl(good_folder / "metadata.jsonl", rows)
    with caplog.at_level(logging.WARNING, logger="diptych.data.folders.published"):
        folder_data(good_folder, expected=expected).setup()
    said = [record.getMessage() for record in caplog.records if "published" in record.getMessage()]
    assert len(said) == told
    if told:
        assert "has other splits than were published: train 8, not train " in said[0]
        assert "\n" not in said[0]


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"trian": 8}, r"data\.expected: 'trian' is no split"),
        ({"train": "8"}, r"data\.expected\.train='8'"),
        ({"train": True}, r"data\.expected\.train=True"),
        ([8], r"data\.expected=8: write numbers"),
    ],
)
def test_a_wrong_number_is_refused_with_its_key(expected, message, good_folder, folder_data):
    with pytest.raises(ValueError, match=message):
        folder_data(good_folder, expected=expected)


def test_a_run_without_published_numbers_keeps_the_digest_that_it_had():
    assert digest_of({"data": {"root": "a", "seed": 0, "expected": None}}) == digest_of(
        {"data": {"root": "a", "seed": 0}}
    )
