import argparse
import json
import tarfile

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
    with pytest.raises(ValueError, match=r"neither a folder nor one of cifar10, coco, cub, digits, fashion_mnist"):
        run("check", tmp_path / "nowhere")


@pytest.mark.parametrize("folder", ["owl", "train/owl"])
def test_class_folders_without_captions_are_told_from_other_folders(folder, tmp_path, capsys):
    (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / folder / "0.PNG")
    assert run("check", tmp_path) == 1
    assert f"it is data=imagefolder data.root={tmp_path}" in capsys.readouterr().out.replace("\n  ", "")


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


def test_a_page_tells_of_problems_captions_and_pictures_and_runs_nothing_of_theirs(good_folder, tmp_path, capsys):
    with (good_folder / "metadata.jsonl").open("a") as captions:
        captions.write('\n{"file_name": "gone<b>.png", "text": "<script>alert(1)</script>"}\n')
        captions.write('{"file_name": "0.png", "text": "<script>alert(2)</script> is said here"}\n')
    page = tmp_path / "page.html"
    assert run("stats", good_folder, "data.captions_per_image=9", "--out", page, "-n", 4) == 0
    document = page.read_text()
    for part in (
        "Splits",
        "Problems",
        "files named in the captions but missing",
        "gone&lt;b&gt;.png",
        "data:image/png",
    ):
        assert part in document
    assert "<script" not in document
    assert "http" not in document.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert str(good_folder.parent) not in document


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


def test_shards_are_checked_like_a_folder(good_folder, capsys):
    with tarfile.open(good_folder / "0.tar", "w") as tar:
        for number in range(3):
            (good_folder / f"{number}.txt").write_text("a dog\na cat")
            for name in (f"{number}.png", f"{number}.txt"):
                tar.add(good_folder / name, name)
    shards = (f"data.root={good_folder}", "data.shards=0.tar", "data.val_share=0")
    assert run("check", "webdataset", *shards) == 0
    assert "webdataset: 3 good pictures, 6 captions" in capsys.readouterr().out
    (good_folder / "0.tar").write_bytes((good_folder / "0.tar").read_bytes()[:1200])
    assert run("check", "webdataset", *shards) == 1
    out = capsys.readouterr().out
    assert "shards that cannot be read, or not to their end: 1\n  0.tar:" in out


def test_a_folder_is_packed_checked_and_packed_again(good_folder, tmp_path_factory, capsys):
    out = tmp_path_factory.mktemp("outside") / "packed"
    (good_folder / "3.png").write_bytes(b"not a picture")
    asked = ("pack", good_folder, "--out", out, "--samples", "4")
    assert run(*asked) == 0
    said = capsys.readouterr().out
    assert "7 images of train, 1 images of val, 1 images of test in 4 tar files" in said
    assert "left out, files that cannot be decoded: 1" in said
    assert run(*asked, "--json") == 0
    manifest = json.loads(capsys.readouterr().out)
    assert manifest == json.loads((out / "pack.json").read_text(encoding="utf-8"))
    assert manifest["left_out"] == [
        {"kind": "undecodable_files", "what": "files that cannot be decoded", "names": ["3.png"], "count": 1}
    ]
    name, *read_with = manifest["read_with"]
    assert run("check", name.removeprefix("data="), f"data.root={out}", *read_with) == 0
    assert "9 good pictures, 18 captions\nnothing is wrong with it" in capsys.readouterr().out
    with pytest.raises(ValueError, match="--samples 4, not 5"):
        run(*asked[:-1], "5")


def test_packing_takes_a_folder_of_its_own(good_folder):
    with pytest.raises(ValueError, match="--out is missing"):
        run("pack", good_folder)
    with pytest.raises(ValueError, match="which is read as data"):
        run("pack", good_folder, "--out", good_folder / "packed")
    assert not (good_folder / "packed").exists()


@pytest.mark.parametrize("option", ["--size", "--samples"])
def test_what_only_packing_takes_is_refused_elsewhere(option, good_folder):
    with pytest.raises(ValueError, match=f"{option} belongs to"):
        run("check", good_folder, option, "3")
