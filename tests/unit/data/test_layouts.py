"""Every layout in which the field keeps captions says the same of the same pictures."""

import json
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layouts import CAPTIONS, LAYOUTS, NUM_PICTURES, split_of, write_layout

from diptych.cli.main import main
from diptych.data.caption_files import CaptionRow, read_rows
from diptych.data.caption_files.text import is_blank
from diptych.data.folders.sources import find_sources

WITH_SPLITS = ("metadata", "coco", "flickr8k", "flickr8k_karpathy", "flickr30k", "textcaps")
WITHOUT_VAL = ("cub", "cub_attngan", "flowers")

TEXT = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp"), exclude_characters="\ufffd"), min_size=1, max_size=12
)


def captions_in(folder: Path) -> dict[int, list[str]]:
    """The captions by the numbers of the pictures; no fault may be among them."""
    found: dict[int, list[str]] = {}
    for source in find_sources(folder):
        for row in read_rows(source.caption_file):
            assert isinstance(row, CaptionRow), row
            found.setdefault(_number(row.file), []).append(row.caption)
    return dict(sorted(found.items()))


def _number(file: str) -> int:
    return int(re.findall(r"\d+", Path(file).stem)[-1])


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_found_whole_without_any_setting(name, tmp_path, folder_data):
    write_layout(tmp_path, name)
    data = folder_data(tmp_path)
    findings = data.inspect()
    assert findings.problems == {}
    by_number = {_number(picture.key): picture.captions for picture in findings.pictures}
    assert [by_number[number] for number in range(NUM_PICTURES)] == CAPTIONS
    _, splits = data.divide(findings)
    test = {_number(picture.key) for picture in splits["test"]}
    if name in WITH_SPLITS:
        assert {split: {_number(p.key) for p in its} for split, its in splits.items()} == {
            split: {number for number in range(NUM_PICTURES) if split_of(number) == split} for split in splits
        }
    elif name in WITHOUT_VAL:
        assert test == {number for number in range(NUM_PICTURES) if split_of(number) == "test"}


@given(
    texts=st.lists(
        st.lists(TEXT.filter(lambda text: not is_blank(text)), min_size=1, max_size=2), min_size=4, max_size=4
    )
)
@settings(max_examples=6)
def test_what_one_format_says_another_says(texts):
    said = {number: [" ".join(text.split()) for text in its] for number, its in enumerate(texts)}
    for name in LAYOUTS:
        with tempfile.TemporaryDirectory() as root:
            write_layout(Path(root), name, texts)
            assert captions_in(Path(root)) == said, name


@pytest.mark.parametrize("name", ["cub_attngan", "sidecars", "flickr30k_results", "flickr8k_karpathy"])
def test_what_caption_writes_of_a_folder_is_scored_against_its_captions(name, tmp_path, folder_data, capsys):
    write_layout(tmp_path, name)
    pictures = folder_data(tmp_path).inspect().pictures
    told = [{"file_name": picture.key, "caption": picture.captions[0]} for picture in pictures]
    (tmp_path / "told.jsonl").write_text("\n".join(map(json.dumps, told)))
    (source,) = find_sources(tmp_path)
    assert main(["score", str(tmp_path / "told.jsonl"), str(source.caption_file), "--no-java", "--json"]) == 0
    assert '"bleu' in capsys.readouterr().out.lower()


@pytest.mark.parametrize(
    ("case", "folder"), [("karpathy_json", "pics"), ("flickr30k_pipe", "pics"), ("attngan_layout", "birds")]
)
def test_a_public_layout_is_read_where_it_lies(case, folder, shared_cases, tmp_path, capsys):
    shutil.copytree(shared_cases / case / folder, tmp_path / "data")
    assert main(["data", "check", str(tmp_path / "data")]) == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_the_real_captions_of_coco_say_the_same_in_karpathy_s_form(shared_data, tmp_path):
    path = shared_data / "coco_val2017_captions" / "captions_val2017.json"
    coco = json.loads(path.read_text())
    images = {
        image["id"]: {"filename": image["file_name"], "cocoid": image["id"], "sentences": []}
        for image in coco["images"]
    }
    for annotation in coco["annotations"]:
        images[annotation["image_id"]]["sentences"].append({"raw": annotation["caption"]})
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": list(images.values())}))
    ours, theirs = (
        [(row.picture_id, row.caption) for row in read_rows(p)] for p in (tmp_path / "dataset_coco.json", path)
    )
    assert sorted(ours) == sorted(theirs)
    assert len(ours) == 25_014


def test_the_real_captions_of_flickr8k_say_the_same_in_the_form_of_flickr30k(shared_data, tmp_path):
    path = shared_data / "flickr8k" / "Flickr8k.token.txt"
    lines = (re.fullmatch(r"(.*)#(\d)\t(.*)", line) for line in path.read_text().splitlines())
    rows = [f"{found[1]}| {found[2]}| {found[3]}" for found in lines]
    (tmp_path / "results.csv").write_text("\n".join(["image_name| comment_number| comment", *rows]))
    assert [(row.file, row.caption, row.identity) for row in read_rows(tmp_path / "results.csv")] == [
        (row.file, row.caption, row.identity) for row in read_rows(path)
    ]
