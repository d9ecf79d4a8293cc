import pytest

from diptych.data.folders.picture import Picture
from diptych.data.folders.sources import find_sources, find_split_lists
from diptych.data.folders.splits import apply_split_lists, split_pictures


def put(root, *files: str, text: str = "0.png#0\ta picture\n") -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(root, **given) -> dict[str | None, tuple[str, str]]:
    return {
        source.split: (source.caption_file.relative_to(root).as_posix(), source.folder.relative_to(root).as_posix())
        for source in find_sources(root, **given)
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["captions.txt", "0.png"], {None: ("captions.txt", ".")}),
        (["Flickr8k.token.txt", "Images/0.png"], {None: ("Flickr8k.token.txt", "Images")}),
        (["annotations.tsv", "pictures/0.png"], {None: ("annotations.tsv", "pictures")}),
        (
            ["annotations/captions_train.tsv", "annotations/captions_val.tsv"],
            None,
        ),
    ],
)
def test_captions_and_pictures_are_found_at_the_usual_places(tmp_path, files, expected):
    put(tmp_path, *files)
    if expected is None:
        with pytest.raises(ValueError, match="has no captions"):
            find_sources(tmp_path)
    else:
        assert found(tmp_path) == expected


def test_metadata_wins_over_other_files(tmp_path):
    put(tmp_path, "captions.txt", "0.png")
    put(tmp_path, "metadata.jsonl", text='{"file_name": "0.png", "text": "a picture"}')
    assert found(tmp_path) == {None: ("metadata.jsonl", ".")}


def test_split_folders_have_metadata_of_their_own(tmp_path):
    put(tmp_path, "train/0.png", "validation/0.png")
    put(tmp_path, "train/metadata.csv", "validation/metadata.csv", text="file_name,text\n0.png,a picture\n")
    assert found(tmp_path) == {
        "train": ("train/metadata.csv", "train"),
        "val": ("validation/metadata.csv", "validation"),
    }


def test_the_names_of_coco_files_determine_their_splits(tmp_path):
    coco = '{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}'
    put(tmp_path, "annotations/captions_train2017.json", "annotations/captions_val2017.json", text=coco)
    put(tmp_path, "train2017/1.jpg", "images/val2017/1.jpg")
    assert found(tmp_path) == {
        "train": ("annotations/captions_train2017.json", "train2017"),
        "val": ("annotations/captions_val2017.json", "images/val2017"),
    }


def test_configured_files_and_folders_are_used(tmp_path):
    put(tmp_path, "a.txt", "b.txt", "captions.txt", "x/0.png", "y/0.png")
    assert found(tmp_path, captions="a.txt", images="y") == {None: ("a.txt", "y")}
    by_split = {"captions": {"train": "a.txt", "dev": "b.txt"}, "images": {"train": "x", "val": "y"}}
    assert found(tmp_path, **by_split) == {"train": ("a.txt", "x"), "val": ("b.txt", "y")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"captions": "no.txt"}, r"data\.captions: there is no file"),
        ({"captions": "a.txt", "images": "no"}, r"data\.images: there is no folder"),
        ({"captions": {"trian": "a.txt"}}, r"data\.captions: 'trian' is no split"),
        ({"captions": {"train": "a.txt"}, "images": {"val": "x"}}, r"names no folder for the split 'train'"),
        ({}, r"several caption files \(a\.txt, latest\.txt\); name one with data\.captions"),
    ],
)
def test_a_wrong_or_missing_choice_is_named(tmp_path, given, message):
    put(tmp_path, "a.txt", "latest.txt", "x/0.png")
    with pytest.raises(ValueError, match=message):
        find_sources(tmp_path, **given)


@pytest.mark.parametrize(
    "files",
    [
        ["metadata.jsonl", "metadata.csv"],
        ["train/metadata.csv", "train/metadata.jsonl"],
        ["train/metadata.csv", "restval/metadata.csv"],
        ["val/metadata.csv", "dev/metadata.csv", "train/metadata.csv"],
    ],
)
def test_two_found_sources_of_one_split_are_refused_by_name(files, tmp_path):
    put(tmp_path, *files)
    with pytest.raises(ValueError, match=r"has several caption files.*name one with data\.captions") as error:
        find_sources(tmp_path)
    assert all(file in str(error.value) for file in files[:2])


@pytest.mark.parametrize("key", ["captions", "images"])
def test_two_given_sources_of_one_split_are_refused_by_name(key, tmp_path):
    put(tmp_path, "a.txt", "b.txt", "x/0.png")
    given = {"captions": {"train": "a.txt"}} | {key: {"train": "a.txt", "restval": "b.txt"}}
    with pytest.raises(ValueError, match=rf"data\.{key}: train \(a\.txt\) and restval \(b\.txt\) are both the train"):
        find_sources(tmp_path, **given)


def test_one_file_under_two_names_of_a_split_is_read_once(tmp_path):
    put(tmp_path, "a.txt", "0.png")
    assert found(tmp_path, captions={"train": "a.txt", "restval": "a.txt"}) == {"train": ("a.txt", ".")}


def test_two_split_lists_of_one_split_are_refused_by_name(tmp_path, folder_data):
    put(tmp_path, "F.trainImages.txt", "G.trainImages.txt", text="0.png")
    with pytest.raises(ValueError, match=r"split lists of the train split \(F\.trainImages\.txt and G\.trainImages"):
        find_split_lists(tmp_path)
    data = folder_data(tmp_path, split_files={"val": "F.trainImages.txt", "dev": "G.trainImages.txt"})
    with pytest.raises(ValueError, match=r"data\.split_files: val \(F.* and dev \(G.* are both the val split"):
        data.divide(None)


def test_what_a_mac_leaves_beside_captions_is_none(tmp_path):
    put(tmp_path, "captions.txt", "._captions.txt", "__MACOSX/captions.txt", ".cache/text/0.txt", "0.png")
    assert found(tmp_path) == {None: ("captions.txt", ".")}


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        find_sources(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"has no captions.*metadata\.jsonl"):
        find_sources(tmp_path)


def pictures(number: int, splits: str = "") -> list[Picture]:
    names = {"t": "train", "v": "val", "e": "test", "-": None}
    return [Picture(f"{i}.png", None, ["a"], names[splits[i]] if splits else None) for i in range(number)]


def test_without_named_splits_a_hash_of_the_name_decides():
    splits = split_pictures(pictures(40), val_share=0.1, test_share=0.2)
    assert {name: len(part) for name, part in splits.items()} == {"train": 28, "val": 4, "test": 8}
    keys = [p.key for part in splits.values() for p in part]
    assert sorted(keys) == sorted(p.key for p in pictures(40))
    again = split_pictures(pictures(40)[::-1], val_share=0.1, test_share=0.2)
    assert {n: {p.key for p in part} for n, part in again.items()} == {
        n: {p.key for p in part} for n, part in splits.items()
    }


def test_named_splits_are_kept_and_a_missing_one_is_taken_from_the_rest():
    splits = split_pictures(pictures(10, "tttttt--vv"), val_share=0.5, test_share=0.25)
    assert [p.key for p in splits["val"]] == ["8.png", "9.png"]
    assert len(splits["test"]) == 2
    assert len(splits["train"]) == 6


def test_no_share_means_no_split():
    splits = split_pictures(pictures(3), val_share=0, test_share=0)
    assert {name: len(part) for name, part in splits.items()} == {"train": 3, "val": 0, "test": 0}


def test_lists_of_names_make_splits_and_leave_out_the_others(tmp_path):
    put(tmp_path, "F.trainImages.txt", text="0.png\n1.png\n")
    put(tmp_path, "F.devImages.txt", text="2.png")
    lists = find_split_lists(tmp_path)
    assert set(lists) == {"train", "val"}
    kept = apply_split_lists(pictures(4), lists)
    assert [(p.key, p.split) for p in kept] == [("0.png", "train"), ("1.png", "train"), ("2.png", "val")]


def test_flickr8k_has_its_own_lists(shared_data):
    lists = find_split_lists(shared_data / "flickr8k")
    assert {name: len(path.read_text().split()) for name, path in lists.items()} == {
        "train": 6000,
        "val": 1000,
        "test": 1000,
    }


def test_names_in_split_lists_that_are_no_pictures_are_counted(tmp_path, caplog):
    put(tmp_path, "F.trainImages.txt", text="0.png\n1\n2\n")
    kept = apply_split_lists(pictures(4), find_split_lists(tmp_path))
    assert [picture.key for picture in kept] == ["0.png"]
    assert "2 names in split lists are not good pictures, for example 1" in caplog.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_split_list_may_have_a_byte_order_mark_and_other_slashes(encoding, tmp_path):
    (tmp_path / "F.trainImages.txt").write_bytes("0.png\r\n.\\1.png\r\n".encode(encoding))
    kept = apply_split_lists(pictures(4), find_split_lists(tmp_path))
    assert [picture.key for picture in kept] == ["0.png", "1.png"]


def test_the_layout_of_attngan_without_its_texts_is_refused_by_its_name(tmp_path):
    put(tmp_path, "captions.pickle", "train/filenames.pickle")
    with pytest.raises(ValueError, match=r"looks like AttnGAN's folder without its captions.*unzip text\.zip"):
        find_sources(tmp_path)
