"""A text for each picture, beside it or in a folder of its own."""

from pathlib import Path

import pytest
from PIL import Image

from diptych.data.caption_files import CaptionRow, Fault, read_rows
from diptych.data.folders.located import located
from diptych.data.folders.sources import find_sources


def put(folder: Path, **texts: str | bytes) -> None:
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in texts.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / f"{name}.txt").write_bytes(content)


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (8, 8)).save(path)


def told(folder: Path) -> list[tuple[str | None, str | None]]:
    return [(row.file, row.caption) for row in read_rows(folder) if isinstance(row, CaptionRow)]


def test_a_line_is_a_caption_and_blank_lines_are_none(tmp_path):
    put(tmp_path / "text", a="one\r\n\n  two \n", b="")
    assert told(tmp_path / "text") == [("a", "one"), ("a", "two"), ("b", "")]


@pytest.mark.parametrize("suffix", [".txt", ".caption", ".TXT"])
def test_a_text_beside_a_picture_names_it_with_its_suffix(suffix, tmp_path):
    picture(tmp_path / "10_dog" / "IMG 1.PNG")
    (tmp_path / "10_dog" / f"IMG 1{suffix}").write_text("a dog")
    assert told(tmp_path) == [("10_dog/IMG 1.PNG", "a dog")]
    assert [(s.caption_file, s.folder) for s in find_sources(tmp_path)] == [(tmp_path, tmp_path)]


def test_what_is_no_caption_beside_pictures_is_left_alone(tmp_path, folder_data):
    for number in range(3):
        picture(tmp_path / f"{number}.png")
        put(tmp_path, **{str(number): "a dog"})
    put(tmp_path, README="a data set", LICENSE="MIT", classes="dog")
    assert folder_data(tmp_path, val_share=0, test_share=0).inspect().problems == {}


def test_a_text_without_a_picture_is_a_missing_file(tmp_path, folder_data):
    picture(tmp_path / "0.png")
    put(tmp_path, **{"0": "a dog", "1": "a cat"})
    assert folder_data(tmp_path).inspect().problems == {"missing_files": ["1"]}


def test_one_bad_text_is_one_fault_and_the_others_are_read(tmp_path):
    put(
        tmp_path,
        a="one",
        b="caf\xe9 noir".encode("latin-1"),
        c=b"\x1f\x8b" + bytes(9),
        d="x" * (1 << 21),
        e="half \0 text",
        f="five",
    )
    rows = read_rows(tmp_path)
    assert told(tmp_path) == [("a", "one"), ("f", "five")]
    assert [(row.kind, row.file) for row in rows if isinstance(row, Fault)] == [
        *(("malformed_lines", name) for name in "bcd"),
        ("broken_text", "e"),
    ]
    assert "line 1 is not UTF-8" in rows[1].name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_text_may_have_a_byte_order_mark(encoding, tmp_path):
    put(tmp_path, a="une école\r\n一只狗".encode(encoding))
    assert told(tmp_path) == [("a", "une école"), ("a", "一只狗")]


def test_numbers_of_boxes_are_no_caption(tmp_path):
    put(tmp_path, a="0 0.51 0.5 0.2 0.25\n3 dogs and 2.5 cats")
    assert told(tmp_path) == [("a", "3 dogs and 2.5 cats")]
    assert [row.name for row in read_rows(tmp_path) if isinstance(row, Fault)] == [
        "a.txt:1 (numbers of boxes, not a caption)"
    ]


def test_marked_phrases_and_lost_letters_are_read_as_words(tmp_path):
    put(tmp_path, a="[/EN#1/people/other A man] rides [/EN#2/vehicles a bike] .\na bird\ufffd\ufffds wing")
    assert told(tmp_path) == [("a", "A man rides a bike ."), ("a", "a bird s wing")]


def test_folders_of_splits_split_their_pictures(tmp_path):
    for split in ("train", "valid", "test"):
        picture(tmp_path / split / "0.png")
        put(tmp_path / split, **{"0": "a dog"})
    assert [(row.file, row.split) for row in read_rows(tmp_path)] == [
        (f"{s}/0.png", s) for s in ("test", "train", "valid")
    ]


def test_a_table_comes_before_texts_beside_pictures(tmp_path):
    picture(tmp_path / "0.png")
    put(tmp_path, **{"0": "a dog"})
    (tmp_path / "rows.csv").write_text("file_name,text\n0.png,a cat\n")
    assert [source.caption_file.name for source in find_sources(tmp_path)] == ["rows.csv"]


def test_tables_about_single_pictures_are_no_caption_files(tmp_path):
    for number in range(2):
        picture(tmp_path / f"{number}.png")
        put(tmp_path, **{str(number): "a dog"})
        (tmp_path / f"{number}.json").write_text('{"url": "http://x"}')
    assert [source.caption_file for source in find_sources(tmp_path)] == [tmp_path]


def test_a_folder_without_texts_names_the_way_on(tmp_path):
    (tmp_path / "metadata.csv").write_text("file_name,text\n0.png,a cat\n")
    with pytest.raises(ValueError, match=r"no NAME\.txt for a picture; name the file that does"):
        read_rows(tmp_path)


def test_a_name_without_suffix_is_the_one_picture_that_has_it(tmp_path):
    picture(tmp_path / "a.jpg")
    (tmp_path / "a.txt").write_text("a dog")
    assert located(tmp_path, "a") == str(tmp_path / "a.jpg")
    assert located(tmp_path, "a.png") == str(tmp_path / "a.png")
    picture(tmp_path / "b.jpg")
    picture(tmp_path / "b.png")
    assert located(tmp_path, "b") == str(tmp_path / "b")


def test_a_folder_without_texts_holds_no_captions(tmp_path):
    with pytest.raises(ValueError, match="holds no captions"):
        read_rows(tmp_path)


def split_by_class(folder: Path, held_out: str) -> None:
    for name in ("trainvalclasses.txt", "testclasses.txt"):
        (folder / name).write_text(held_out if name.startswith("test") else "others")


def test_lists_of_classes_beside_the_texts_are_watched(tmp_path, folder_data):
    root, texts = tmp_path / "root", tmp_path / "elsewhere" / "text_c10"
    for kind in ("one", "two"):
        picture(root / "images" / kind / f"{kind}.jpg")
        put(texts / kind, **{kind: f"a {kind}"})
    data = folder_data(root, captions="../elsewhere/text_c10", images="images")
    assert [picture.split for picture in data.inspect().pictures] == [None, None]
    for held_out in ("one", "two"):
        split_by_class(texts.parent, held_out)
        assert [p.key for p in data.inspect().pictures if p.split == "test"] == [f"{held_out}/{held_out}"]


def test_nothing_above_the_root_says_how_texts_beside_pictures_split(tmp_path, folder_data):
    for kind in ("one", "two"):
        picture(tmp_path / "root" / kind / "0.png")
        put(tmp_path / "root" / kind, **{"0": f"a {kind}"})
    split_by_class(tmp_path, "one")
    assert [picture.split for picture in folder_data(tmp_path / "root").inspect().pictures] == [None, None]


def test_pictures_beside_captions_outside_of_the_root_are_watched(tmp_path, folder_data, write_jsonl):
    (tmp_path / "root").mkdir()
    picture(tmp_path / "elsewhere" / "0.png")
    write_jsonl(tmp_path / "elsewhere" / "rows.jsonl", [{"file_name": "0.png", "text": "a dog"}])
    data = folder_data(tmp_path / "root", captions="../elsewhere/rows.jsonl")
    assert data.inspect().problems == {}
    (tmp_path / "elsewhere" / "0.png").write_bytes(b"no picture")
    assert list(data.inspect().problems) == ["undecodable_files"]


def test_folders_of_texts_in_folders_of_splits_are_those_splits(tmp_path, folder_data):
    for split in ("train", "val", "test"):
        picture(tmp_path / split / "images" / "0.png")
        put(tmp_path / split / "captions", **{"0": f"a dog of {split}"})
    found = {source.split: (source.caption_file, source.folder) for source in find_sources(tmp_path)}
    assert found == {split: (tmp_path / split / "captions", tmp_path / split / "images") for split in found}
    spec, splits = folder_data(tmp_path).divide(folder_data(tmp_path).inspect())
    assert {name: [p.captions for p in held] for name, held in splits.items()} == {
        split: [[f"a dog of {split}"]] for split in ("train", "val", "test")
    }
    assert "val" not in spec.vocabulary


@pytest.mark.parametrize(
    "others", [("text", "birds/text_c10"), ("one/text", "two/text"), ("restval/text", "train/text")]
)
def test_folders_of_texts_that_nobody_tells_apart_are_named(others, tmp_path):
    for folder in others:
        put(tmp_path / folder, **{"0": "a dog"})
    with pytest.raises(ValueError, match=rf"several .*{others[0]}, {others[1]}.*name one with data\.captions"):
        find_sources(tmp_path)


def test_a_folder_of_restval_is_for_training_whatever_its_case(tmp_path, folder_data):
    for folder in ("Train", "restval", "VAL"):
        picture(tmp_path / folder / "0.png")
        put(tmp_path / folder, **{"0": "a dog"})
    splits = [picture.split for picture in folder_data(tmp_path).inspect().pictures]
    assert sorted(splits) == ["train", "train", "val"]
