import json
import logging
import os
import sys
import unicodedata
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.data import ExampleRequest, ImageFolderData
from diptych.data.caption_files import printable
from diptych.data.derived import DERIVED
from diptych.data.folders.class_names import read_class_names
from diptych.data.phrasings import PHRASINGS, sentences
from diptych.runs.build import build_data
from diptych.text import tokenizer_of
from diptych.types import UNK_ID

CLASSES = {"polar_bear": 12, "owl": 20, "great-white_shark": 8}
"""Pictures of each class."""


def draw(path: Path, number: int = 0, green: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20 + number, 24), (10 * number, green, 200)).save(path)


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Three class folders; red tells a class's pictures apart."""
    for place, (folder, number) in enumerate(CLASSES.items()):
        for i in range(number):
            draw(tmp_path / "root" / folder / f"{i}.png", i, green=place)
    return tmp_path / "root"


@pytest.fixture
def split_classes(tmp_path: Path) -> Path:
    """Two classes in folders of their own for train, val and test."""
    for split, number in (("train", 6), ("val", 3), ("test", 2)):
        for folder in ("cat", "dog"):
            for i in range(number):
                draw(tmp_path / "root" / split / folder / f"{i}.png", i)
    return tmp_path / "root"


def unopened(root: Path, **changes: Any) -> ImageFolderData:
    values = {"root": root, "split_files": None, "val_share": 0.2, "test_share": 0.2, "on_error": "raise"}
    values |= {"image_size": 16, "random_crop": True, "captions_per_image": 1, "max_length": 30, "tokenizer": "word"}
    return ImageFolderData(**(values | {"batch_size": 4} | changes))


def opened(root: Path, **changes: Any) -> ImageFolderData:
    data = unopened(root, **changes)
    data.setup()
    return data


def problems(root: Path, **changes: Any) -> dict[str, list[str]]:
    return unopened(root, **changes).inspect().problems


def test_captions_and_labels_name_the_class_by_its_folder(classes):
    data = opened(classes)
    assert data.spec.labels == ("great white shark", "owl", "polar bear")
    assert data.spec.exclusive_labels
    names = {folder: folder.replace("_", " ").replace("-", " ") for folder in CLASSES}
    for split in data.splits.values():
        for index in range(split.size):
            example = split[ExampleRequest(index, index)]
            name = names[example.key.split("/")[0]]
            assert example.labels == (name,)
            assert example.references == sentences([name]) == split.captions_of(index)
            assert set(example.sentences) <= set(example.references)
    assert "an owl" in sentences(["owl"])


def test_every_sentence_names_its_class_and_no_other(classes):
    captions = unopened(classes)
    captions.inspect()
    for folder, said in captions.known.captions.items():
        assert len(said) == len(PHRASINGS)
        named = [label for label in captions.known.labels.values() if any(label in sentence for sentence in said)]
        assert named == [captions.known.labels[folder]]


def test_splits_by_share_are_stratified_and_share_no_picture(classes):
    splits = opened(classes).splits
    assert {name: split.size for name, split in splits.items()} == {"train": 24, "val": 8, "test": 8}
    for split in splits.values():
        counts = Counter(picture.key.split("/")[0] for picture in split.pictures)
        assert all(abs(counts[folder] - split.size * number / 40) <= 1 for folder, number in CLASSES.items())
    keys = [picture.key for split in splits.values() for picture in split.pictures]
    assert len(keys) == len(set(keys)) == 40


def test_every_fold_holds_every_class_and_few_pictures_are_of_all_classes(classes):
    for fold in range(3):
        val = opened(classes, fold=fold, num_folds=3).splits["val"]
        assert {picture.key.split("/")[0] for picture in val.pictures} == set(CLASSES)
    few, every = (opened(classes, train_size=size).splits for size in (5, None))
    assert {picture.key.split("/")[0] for picture in few["train"].pictures} == set(CLASSES)
    assert [*few["val"].pictures] == [*every["val"].pictures]


def test_a_picture_more_moves_few_others(classes):
    before = {picture.key for picture in opened(classes).splits["test"].pictures}
    draw(classes / "owl" / "new.png")
    after = {picture.key for picture in opened(classes).splits["test"].pictures}
    assert len(before & after) >= len(before) - 1


def test_folders_named_as_splits_are_the_splits(split_classes):
    splits = opened(split_classes).splits
    assert {name: split.size for name, split in splits.items()} == {"train": 12, "val": 6, "test": 4}
    for name, split in splits.items():
        assert {picture.key.split("/")[0] for picture in split.pictures} == {name}
    assert opened(split_classes).spec.labels == ("cat", "dog")


def test_a_class_may_be_called_as_a_split_is(tmp_path):
    for folder in ("train", "car"):
        for i in range(4):
            draw(tmp_path / folder / f"{i}.png", i)
    assert opened(tmp_path).spec.labels == ("car", "train")


def test_pictures_to_evaluate_on_alone_need_no_train_folder(split_classes):
    for split in ("train", "val"):
        os.rename(split_classes / split, split_classes.parent / split)
    data = unopened(split_classes)
    data.splits_by_share = False
    data.setup()
    assert {name: split.size for name, split in data.splits.items()} == {"test": 4}
    assert data.spec.labels == ("cat", "dog")


def test_the_vocabulary_has_every_class_whichever_pictures_train(classes):
    spec = opened(classes, train_size=1).spec
    encoder = tokenizer_of(spec)
    for name in spec.labels:
        for sentence in sentences([name]):
            assert UNK_ID not in encoder.encode(sentence)
            assert len(encoder.encode(sentence)) <= spec.max_length
    assert spec.vocabulary == opened(classes).spec.vocabulary


def test_every_problem_is_counted_and_named(split_classes):
    train = split_classes / "train"
    (train / "cat" / "cut.png").write_bytes((train / "cat" / "0.png").read_bytes()[:40])
    (train / "cat" / "notes.txt").write_text("about cats")
    (train / "empty").mkdir()
    (train / "cat" / ".hidden.png").write_bytes(b"")
    os.symlink(train / "nowhere.png", train / "dog" / "gone.png")
    os.symlink(train / "dog", train / "dog" / "again")
    draw(train / "---" / "0.png")
    draw(split_classes / "stray.png")
    draw(split_classes / "val" / "fox" / "0.png")
    found = problems(split_classes)
    unlisted = found.pop("unlisted_files")
    assert sorted(unlisted) == ["stray.png", "train/---/0.png"]
    assert found == {
        "undecodable_files": ["train/dog/gone.png (no file, or a link to none)", "train/cat/cut.png"],
        "other_files": ["train/cat/notes.txt"],
        "empty_classes": ["train/empty"],
        "unreadable_folders": ["train/dog/again (a link to a folder that is read already)"],
        "unnamed_classes": ["---"],
        "untrained_classes": ["val/fox/0.png"],
    }


def test_problems_stop_training_unless_they_are_to_be_skipped(split_classes, caplog):
    draw(split_classes / "val" / "fox" / "0.png")
    (split_classes / "train" / "cat" / "0.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"cannot be decoded: 1 \(train/cat/0\.png\)") as error:
        opened(split_classes)
    assert f"`diptych data check imagefolder data.root={split_classes}`" in str(error.value)
    assert "pictures held out of classes that none trains: 1 (val/fox/0.png)" in str(error.value)
    with caplog.at_level(logging.WARNING, logger="diptych"):
        data = opened(split_classes, on_error="skip")
    assert "21 good pictures remaining" in caplog.text
    assert data.spec.labels == ("cat", "dog")
    assert sum(split.size for split in data.splits.values()) == 21


def test_files_that_are_no_pictures_and_pictures_at_the_root_stop_nothing(classes, caplog):
    draw(classes / "stray.png")
    (classes / "owl" / "notes.txt").write_text("about owls")
    with caplog.at_level(logging.WARNING, logger="diptych"):
        assert sum(split.size for split in opened(classes).splits.values()) == 40
    assert "stray.png" in caplog.text
    assert "owl/notes.txt" in caplog.text


def test_pictures_in_nested_and_linked_folders_belong_to_their_class(classes, tmp_path):
    draw(classes / "owl" / "snowy" / "deep" / "0.jpeg")
    draw(tmp_path / "elsewhere" / "0.PNG")
    os.symlink(tmp_path / "elsewhere", classes / "fox")
    data = unopened(classes)
    keys = {picture.key for picture in data.inspect().pictures}
    assert {"owl/snowy/deep/0.jpeg", "fox/0.PNG"} <= keys
    assert data.inspect().problems == {}


def test_links_that_lead_everywhere_end(tmp_path):
    for name in ("a", "b"):
        draw(tmp_path / "root" / name / "0.png")
        os.symlink(tmp_path / "root" / "a", tmp_path / "root" / name / "first")
        os.symlink(tmp_path / "root" / "b", tmp_path / "root" / name / "second")
    os.symlink("itself", tmp_path / "root" / "a" / "itself")
    found = problems(tmp_path / "root")
    assert len(found["unreadable_folders"]) == 6
    assert found["other_files"] == ["a/itself", "b/first/itself"]


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ([], r"has no folders: class folders are data\.root/CLASS"),
        (["0.png"], r"has no folders"),
        (["set/cat/0.png", "set/dog/0.png"], r"set data\.root=\S+set"),
        ([".cache/cat/0.png"], r"has no folders"),
    ],
)
def test_a_folder_without_class_folders_is_refused(layout, message, tmp_path):
    for name in layout:
        draw(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        opened(tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        opened(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "darwin", reason="its file systems take no such name")
def test_names_that_are_no_text_are_problems_in_escapes(classes):
    root = os.fsencode(classes)
    os.rename(root + b"/owl/0.png", root + b"/owl/caf\xe9.png")
    os.rename(root + b"/polar_bear", root + b"/b\xe4r")
    draw(classes / "owl" / "two\nlines.png")
    found = problems(classes)
    assert len(found["broken_text"]) == 3
    assert all(name.isprintable() for names in found.values() for name in names)
    assert opened(classes, on_error="skip").spec.labels == ("great white shark", "owl")


FILES = {
    "synsets.txt": "n1 tench, Tinca tinca\nn2 goldfish\nn3 great white shark, white shark\nn9 nobody\n",
    "words.txt": "n1\ttench, Tinca tinca\nn2\tgoldfish\nn3\tgreat white shark, white shark\n",
    "a.csv": "folder,name\nn1,tench,Tinca tinca\nn2,goldfish\nn3,great white shark\nn3,white shark\n",
    "b.csv": 'n1;"tench, Tinca tinca"\nn2;goldfish\nn3;great white shark;white shark\n',
    "c.json": json.dumps({"n1": ["tench", "Tinca tinca"], "n2": "goldfish", "n3": "great white shark, white shark"}),
    "utf16.txt": "n1 tench, Tinca tinca\nn2 goldfish\nn3 great white  shark , white shark,\n",
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_names_the_classes_in_any_of_its_formats(file, tmp_path):
    (tmp_path / file).write_text(FILES[file], encoding="utf-16" if file.startswith("utf16") else "utf-8")
    named = read_class_names(tmp_path / file, {"n1", "n2", "n3", "n4"})
    shark = ("great white shark", "white shark")
    assert named == {"n1": ("tench", "Tinca tinca"), "n2": ("goldfish",), "n3": shark, "n4": ()}


def test_a_changed_file_of_names_is_read_again_wherever_it_is_named_from(split_classes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("names.txt")
    file.write_text("cat\tcat\n")
    assert "unnamed_classes" in problems(split_classes, classes=file)
    file.write_text("cat\tcat\ndog\tdog\n")
    assert problems(split_classes, classes=file) == {}


def test_all_names_of_a_class_are_said_and_the_first_is_its_label(split_classes):
    file = split_classes / "names.json"
    file.write_text(json.dumps({"cat": ["house cat", "tabby"], "dog": "dog"}))
    data = opened(split_classes, classes=file, templates=["{name}", "{article} {name} sleeps"])
    assert data.spec.labels == ("house cat", "dog")
    assert set(data.splits["val"].captions_of(0)) == {"house cat", "a house cat sleeps", "tabby", "a tabby sleeps"}


def test_a_class_that_the_file_does_not_name_is_a_problem(split_classes):
    file = split_classes / "names.txt"
    file.write_text("cat house cat\n")
    assert problems(split_classes, classes=file)["unnamed_classes"] == ["dog"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "no object from folders to names"),
        ('{"cat": 3}', "under 'cat' there is 3"),
        ('{"cat": ["a", 3]}', "neither a name nor a list of names"),
        ('{"cat": "a", "cat": "b"}', "stands twice"),
        ("[" * 100_000, "nested too deeply"),
        ('cat,"open\n', "line 1 cannot be read"),
        (None, "is no file"),
    ],
)
def test_a_damaged_file_of_names_is_named_with_its_fault(content, message, split_classes):
    file = split_classes.parent / "names"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        opened(split_classes, classes=file)
    assert str(file) in str(error.value)


def test_classes_of_one_name_keep_labels_of_their_own_and_are_warned_of(split_classes, caplog):
    file = split_classes / "names.txt"
    file.write_text("cat crane\ndog crane\n")
    with caplog.at_level(logging.WARNING, logger="diptych"):
        assert opened(split_classes, classes=file).spec.labels == ("crane (cat)", "crane (dog)")
    assert "2 classes share a name" in caplog.text


@pytest.mark.parametrize(
    ("names", "languages", "said"),
    [
        (("猫", "狗"), None, ("猫",)),
        (("Katze", "Hund"), ("de",), ("Katze",)),
        (("Katze", "Hund"), None, sentences(["Katze"])),
        (("cat", "dog"), ("en-GB",), sentences(["cat"])),
    ],
)
def test_names_in_other_languages_stand_alone_unless_templates_are_given(names, languages, said, tmp_path):
    for name in names:
        for i in range(4):
            draw(tmp_path / name / f"{i}.png", i)
    data = opened(tmp_path, languages=languages)
    assert [picture.key[0] for split in data.splits.values() for picture in split.pictures].count(names[0][0]) == 4
    captions = {captions for split in data.splits.values() for captions in map(split.captions_of, range(split.size))}
    assert said in captions
    assert opened(tmp_path, templates=["这是{name}"]).splits["train"].captions_of(0)[0].startswith("这是")


def test_an_example_is_a_function_of_seed_and_draw_and_of_any_number_of_workers(classes):
    one, two = opened(classes), opened(classes, num_workers=1)
    for first, second in zip(islice(one.train_dataloader(), 3), two.train_dataloader(), strict=False):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.tokens, second.tokens)
        assert torch.equal(first.labels, second.labels)
        assert first.labels.sum(1).tolist() == [1] * 4


@pytest.mark.parametrize("templates", [["a picture"], [], ["{name.x}"]])
def test_templates_without_a_name_are_refused(templates, classes):
    with pytest.raises(ValueError, match=r"data\.templates"):
        unopened(classes, templates=templates)


@given(names=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=8), max_size=3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_names_of_folders_are_trained_on_or_named_as_problems(names, tmp_path_factory):
    root = tmp_path_factory.mktemp("any")
    for name in ("owl", *(f"{name}_" for name in names)):
        draw(root / name / "0.png")
    data = opened(root, on_error="skip", val_share=0, test_share=0, batch_size=1)
    trained = {picture.key.split("/")[0] for picture in data.splits["train"].pictures}
    told = [name.split("/")[0] for names in data.inspect().problems.values() for name in names]
    for folder in (each for each in root.iterdir() if each.name != DERIVED):
        name = unicodedata.normalize("NFC", folder.name)
        assert name in trained or printable(name) in told or printable(folder.name) in told
    assert len(set(data.spec.labels)) == len(data.spec.labels) == len(trained)
    assert next(iter(data.train_dataloader())).labels.sum() == 1


def test_the_commands_check_count_and_show_class_folders(classes, tmp_path, capsys):
    root = f"data.root={classes}"
    assert main(["data", "check", "imagefolder", root]) == 0
    assert "40 good pictures, 280 captions" in capsys.readouterr().out
    (classes / "owl" / "0.png").write_bytes(b"no picture")
    assert main(["data", "check", "imagefolder", root]) == 1
    assert "owl/0.png" in capsys.readouterr().out
    assert main(["data", "stats", "imagefolder", root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"]["train"]["pictures"] == 35
    sheet = tmp_path / "sheet.png"
    assert main(["data", "preview", "imagefolder", root, "--out", str(sheet), "-n", "4"]) == 0
    assert sheet.is_file()


def test_a_configuration_builds_class_folders(split_classes):
    file = split_classes / "names.txt"
    file.write_text("cat house cat\ndog\tdog\n")
    overrides = [f"data.root={split_classes}", f"data.classes={file}", 'data.templates=["see {name}"]']
    data = build_data(compose(["data=imagefolder", *overrides]))
    assert data.splits["train"].captions_of(0) == ("see house cat",)
