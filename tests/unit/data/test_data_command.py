import argparse
import json

import pytest
from PIL import Image

from diptych.cli import data as command

FEW = ("data.val_size=20", "data.test_size=20")


@pytest.fixture(autouse=True)
def _for_another_program(monkeypatch):
    """Lines stay whole where no terminal says how wide it is; parallel tests are told 80 columns."""
    monkeypatch.delenv("COLUMNS", raising=False)


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(a) for a in arguments]))


def test_a_clean_folder_is_reported_as_clean(good_folder, capsys):
    assert run("check", good_folder) == 0
    assert "10 good pictures, 20 captions" in capsys.readouterr().out


def test_problems_are_listed_by_kind_and_make_the_exit_code_one(good_folder, capsys):
    (good_folder / "3.png").unlink()
    (good_folder / "4.png").write_bytes(b"not a picture")
    assert run("check", good_folder) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("8 good pictures, 16 captions")
    at = lines.index("files named in the captions but missing: 1")
    assert lines[at + 1] == "  3.png"
    at = lines.index("files that cannot be decoded: 1")
    assert lines[at + 1] == "  4.png"


def test_json_names_every_problem_and_is_the_only_output(good_folder, capsys):
    for i in range(10):
        (good_folder / f"{i}.png").rename(good_folder / f"x{i}.png")
    assert run("check", good_folder, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    counts = {problem["kind"]: problem["count"] for problem in report["problems"]}
    assert counts == {"missing_files": 10, "unlisted_files": 10}
    assert [len(problem["names"]) for problem in report["problems"]] == [10, 10]


def test_an_empty_folder_is_a_finding_and_a_missing_folder_is_an_error(tmp_path, capsys):
    assert run("check", tmp_path) == 1
    assert "has no captions" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"neither a folder nor one of digits, folder, mnist, scenes"):
        run("check", tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["scenes", "scenes64", "scenes_demo", "digits"])
def test_the_shipped_data_are_clean(name, capsys):
    few = FEW if name.startswith("scenes") else ()
    assert run("check", name, *few) == 0
    assert "nothing is wrong with it" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("digits",), ("scenes", "data.languages=[en,zh]", "tokenizer=char", *FEW)])
def test_statistics_fit_a_terminal_of_eighty_columns(arguments, capsys):
    assert run("stats", *arguments) == 0
    out = capsys.readouterr().out
    assert "train" in out
    assert max(map(columns, out.splitlines())) <= 80


def columns(line: str) -> int:
    return sum(1 + (ord(character) > 0x2E7F) for character in line)


def test_statistics_leave_broken_pictures_out(good_folder, capsys):
    (good_folder / "3.png").unlink()
    assert run("stats", good_folder, "--json") == 0
    splits = json.loads(capsys.readouterr().out)["splits"]
    assert sum(split["pictures"] for split in splits.values()) == 9


def test_a_preview_shows_the_captions_that_a_network_reads(good_folder, tmp_path, capsys):
    file = tmp_path / "sheet.png"
    assert run("preview", good_folder, "data.min_count=100", "-n", "4", "--out", file, "--json") == 0
    captions = json.loads(capsys.readouterr().out)["captions"]
    assert len(captions) == 4
    assert all("<unk>" in caption for caption in captions)
    with Image.open(file) as sheet:
        assert sheet.width > 4 * 64 / 2


@pytest.mark.parametrize(
    ("override", "said"),
    [("data.test_share=1", "is left to train on"), ("data.split_files={train:no.txt}", "there is no file")],
)
def test_a_folder_that_nobody_can_train_on_is_a_finding(override, said, good_folder, capsys):
    assert run("check", good_folder, override) == 1
    assert said in capsys.readouterr().out


def test_an_empty_caption_file_is_a_finding(good_folder, capsys):
    (good_folder / "metadata.jsonl").write_text("")
    assert run("check", good_folder) == 1
    assert "metadata.jsonl cannot be read: it is empty" in capsys.readouterr().out


def test_a_misspelt_override_is_refused(good_folder):
    with pytest.raises(Exception, match="min_cuont"):
        run("check", good_folder, "data.min_cuont=3")
