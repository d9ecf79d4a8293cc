"""What a run was trained on is never called held out: re-splits, copies, folds and hold-outs are found."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.overlap import num_seen_by
from diptych.evaluation.request import Request
from diptych.reports.page.tables import extent_words
from diptych.runs.build import build_data
from diptych.runs.data_location import keep_examples
from diptych.runs.folder.layout import RunFolder
from diptych.runs.membership import keep_training_examples, training_examples

NUM = 40


def folder_of(path: Path, colours: range, splits: tuple[str | None, ...] = (None,)) -> Path:
    """Captioned pictures of one colour each."""
    path.mkdir()
    rows = []
    for place, value in enumerate(colours):
        Image.new("RGB", (8, 8), (value, 99, 255 - value)).save(path / f"{path.name}{value}.png")
        row = {"file_name": f"{path.name}{value}.png", "text": f"colour {value}", "split": splits[place % len(splits)]}
        rows.append(json.dumps(row))
    (path / "metadata.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return path


def run_on(tmp_path: Path, *overrides: str) -> Any:
    """A run that was trained on the data of this configuration, as far as an evaluation can tell."""
    config = compose([*overrides, "data.num_workers=0"] if "data=folder" in overrides else [*overrides])
    run = RunFolder(tmp_path / "run")
    run.path.mkdir(parents=True)
    data: Any = build_data(config)
    keep_examples(run, config, data)
    keep_training_examples(run, data)
    subject = SimpleNamespace(run=run, config=config, data_spec=SimpleNamespace(image_size=8, world=data.spec.world))
    subject.members = (subject,)
    return subject


@pytest.fixture
def own(tmp_path) -> Path:
    return folder_of(tmp_path / "own", range(NUM))


@pytest.fixture
def run(tmp_path, own) -> Any:
    return run_on(tmp_path, "data=folder", f"data.root={own}", "data.val_share=0.2", "data.test_share=0.2")


def held_out(run: Any, **asked: Any) -> HeldOut:
    return Context(run, Request(**asked)).held_out


def test_the_run_s_own_splits_are_held_out(run):
    for split in ("val", "test"):
        taken = held_out(run, split=split)
        assert (len(taken), taken.num_seen, taken.split) == (8, 0, split)


def test_a_new_split_of_the_run_s_own_folder_is_refused_and_the_message_names_the_ways_out(run):
    asked = {"overrides": ("data.test_share=0.5",)}
    with pytest.raises(UserError, match=r"data\.test_share=0\.5: run was trained on \d+ of these 20 .*--seen skip"):
        held_out(run, **asked)
    kept, skipped = held_out(run, seen="keep", **asked), held_out(run, seen="skip", **asked)
    assert kept.num_seen > 0
    assert len(skipped) == len(kept) - kept.num_seen
    assert skipped.left_out == [f"{kept.num_seen} seen in training (--seen skip)"]
    assert len(skipped.images) == len(skipped.references) == len(skipped.scenes) == len(skipped.identities)


@pytest.mark.parametrize("override", ["data.val_share=0.6", "data.fold=1"])
def test_any_other_way_to_split_it_is_found_as_well(run, override):
    with pytest.raises(UserError, match="was trained on"):
        held_out(run, split="val", overrides=(override,))


def test_training_data_may_be_measured_under_their_own_name(run):
    taken = held_out(run, split="train")
    assert (len(taken), taken.num_seen) == (24, 24)
    words = extent_words({"num": 24, "available": 24, "seen_in_training": 24})
    assert words == "24 of 24 examples, all seen in training"


def test_a_foreign_folder_is_scored_whole_and_a_number_caps_it(run, tmp_path):
    other = str(folder_of(tmp_path / "other", range(100, 100 + NUM)))
    whole, part = held_out(run, data=other), held_out(run, data=other, num=10)
    assert (len(whole), whole.available, whole.split, list(whole.left_out)) == (NUM, NUM, "all", [])
    assert (len(part), part.available, list(part.left_out)) == (10, NUM, ["30 more of all (--num)"])
    assert whole.images.shape[-1] == 8  # as the run sees pictures, not as conf/data/folder.yaml has it
    by_share = held_out(run, data=other, overrides=("data.test_share=0.5",))
    assert (len(by_share), by_share.split) == (20, "test")


def test_a_foreign_folder_with_splits_of_its_own_keeps_them(run, tmp_path):
    other = str(folder_of(tmp_path / "other", range(100, 100 + NUM), ("train", "train", "test", "train")))
    taken = held_out(run, data=other)
    assert (len(taken), taken.split, list(taken.left_out)) == (10, "test", ["30 of train"])
    with pytest.raises(UserError, match="--split val: folder has train and test only: name one of these"):
        held_out(run, data=other, split="val")


def test_copies_of_training_pictures_are_found_in_another_folder(run, own, tmp_path):
    other = folder_of(tmp_path / "other", range(100, 110))
    copied = next(picture.path for picture in build_data(run.config).splits["train"].pictures)
    shutil.copyfile(copied, other / "other103.png")
    with pytest.raises(UserError, match="run was trained on 1 of these 10 examples"):
        held_out(run, data=str(other))
    assert held_out(run, data=str(other), seen="keep").num_seen == 1
    assert len(held_out(run, data=str(other), seen="skip")) == 9
    with pytest.raises(UserError, match="was trained on 24 of these 40"):
        held_out(run, data=str(own))


def test_pictures_that_were_saved_again_under_their_names_are_pointed_out(run, own, tmp_path):
    shutil.copytree(own, other := tmp_path / "other")
    for path in other.glob("*.png"):
        Image.open(path).resize((9, 9)).save(path)
    taken = held_out(run, data=str(other))
    assert (taken.num_seen, taken.num_named_alike) == (0, 24)
    assert "24 named as training examples" in extent_words({"num": 40, "named_as_in_training": 24})


def test_a_copy_that_the_own_split_has_always_had_is_counted_and_not_refused(tmp_path):
    own = folder_of(tmp_path / "own", range(6), ("train", "train", "test"))
    shutil.copyfile(own / "own0.png", own / "own2.png")
    taken = held_out(run_on(tmp_path, "data=folder", f"data.root={own}", "data.val_share=0"))
    assert (len(taken), taken.num_seen) == (2, 1)


def test_the_data_of_a_run_that_lie_elsewhere_are_still_held_out(run, own, tmp_path):
    shutil.copytree(own, tmp_path / "moved")
    taken = held_out(run, overrides=(f"data.root={tmp_path / 'moved'}",))
    assert (len(taken), taken.num_seen) == (8, 0)


def test_other_pictures_in_the_place_that_an_override_names_are_somebody_else_s_and_scored_whole(run, tmp_path):
    place = f"data.root={folder_of(tmp_path / 'other', range(100, 100 + NUM))}"
    taken = held_out(run, overrides=(place,))
    assert (len(taken), taken.split, taken.is_own, taken.training, taken.num_seen) == (NUM, "all", False, None, 0)
    shared = held_out(run, overrides=(place, "data.test_share=0.5"))
    assert (len(shared), list(shared.left_out)) == (20, ["12 of train", "8 of val"])


def test_on_how_few_a_run_has_learned_says_nothing_of_another_folder(tmp_path, own):
    run = run_on(tmp_path, "data=folder", f"data.root={own}", "data.train_size=30")
    place = f"data.root={folder_of(tmp_path / 'other', range(100, 120))}"
    assert len(held_out(run, overrides=(place,))) == 20
    assert list(held_out(run, overrides=(place, "data.test_share=0.5")).left_out) == ["9 of train", "1 of val"]
    shutil.copytree(own, tmp_path / "moved")
    assert held_out(run, overrides=(f"data.root={tmp_path / 'moved'}",)).is_own


def test_of_a_run_that_kept_no_record_nobody_knows_what_it_has_seen(run, own, tmp_path):
    other = str(folder_of(tmp_path / "other", range(100, 110)))
    run.run.training_examples.unlink()
    for asked in ({"overrides": ("data.test_share=0.5",)}, {"data": str(own)}, {"data": other}):
        assert held_out(run, **asked).num_seen is None
    assert held_out(run).num_seen == 0  # its own test split as it was
    assert num_seen_by(run, held_out(run)) is None
    assert extent_words({"num": 8, "seen_in_training": None}) == "8 examples, nobody knows how many seen in training"


def test_a_run_behind_whose_weights_nobody_looks_may_have_seen_more(run, tmp_path):
    """It starts from a run without a record: what it knows is refused, of the rest nobody knows."""
    other = str(folder_of(tmp_path / "other", range(100, 110)))
    old = RunFolder(tmp_path / "old")
    old.path.mkdir()
    old.write_config(run.config)
    keep_training_examples(run.run, build_data(run.config), old.checkpoints / "best.ckpt")
    assert held_out(run, data=other).num_seen is None
    assert held_out(run).num_seen == 0
    with pytest.raises(UserError, match="was trained on"):
        held_out(run, overrides=("data.test_share=0.5",))
    endless = run_on(tmp_path / "endless", "data=scenes_demo")
    endless.run.write_config(endless.config)
    heir = run_on(tmp_path / "heir", "data=digits")
    keep_training_examples(heir.run, build_data(heir.config), endless.run.checkpoints / "best.ckpt")
    assert training_examples(heir.run).is_complete


def test_of_data_that_do_not_know_their_examples_nobody_knows(run):
    taken = replace(held_out(run), identities=None)
    assert num_seen_by(run, taken) is None


def test_digits_are_known_by_their_numbers(tmp_path):
    run = run_on(tmp_path, "data=digits")
    assert held_out(run, num=10_000).num_seen == 0
    for asked in ({"overrides": ("data.test_size=900",)}, {"data": "digits", "overrides": ("data.test_size=900",)}):
        with pytest.raises(UserError, match="was trained on"):
            held_out(run, **asked)


def test_scenes_that_training_may_show_are_not_held_out_by_a_later_hold_out(tmp_path):
    run = run_on(tmp_path, "data=scenes_demo")
    assert training_examples(run.run) is None
    assert held_out(run, num=8, overrides=("data.world.colours=[red,blue]",)).num_seen == 0
    with pytest.raises(UserError, match=r"data\.hold_out=pairs: run was trained on"):
        held_out(run, num=16, overrides=("data.hold_out=pairs",))
    with pytest.raises(UserError, match="--split train: that split of scenes_demo is endless"):
        held_out(run, split="train")


def test_a_run_that_starts_from_another_s_weights_has_seen_what_that_one_saw(run, tmp_path):
    heir = RunFolder(tmp_path / "heir")
    heir.path.mkdir()
    keep_training_examples(heir, build_data(compose(["data=digits"])), run.run.checkpoints / "best.ckpt")
    known = training_examples(heir)
    assert all(known.has_contents_of(training_examples(run.run).identities))
    keep_training_examples(heir, None)
    assert training_examples(heir) == known


def test_a_partner_s_training_examples_are_counted(run):
    taken = held_out(run, split="train")
    assert num_seen_by(run, taken) == 24
    protocol = {"num": 24, "with": {"run": "a", "seen_in_training": 24}}
    assert extent_words(protocol) == "24 examples, all seen in training by a"


def test_a_damaged_record_is_refused_by_name(run):
    run.run.training_examples.write_text("half")
    with pytest.raises(UserError, match=r"training_examples\.txt is damaged"):
        held_out(run)


def test_names_of_the_run_behind_the_weights_say_nothing_of_other_pictures(tmp_path):
    """Two folders whose pictures are called alike: their contents differ, and nothing was seen."""
    folders = [folder_of(tmp_path / name, values) for name, values in (("a", range(20)), ("b", range(100, 120)))]
    for folder, first in zip(folders, (0, 100), strict=True):
        for value in range(first, first + 20):
            (folder / f"{folder.name}{value}.png").rename(folder / f"{value - first}.png")
        text = (folder / "metadata.jsonl").read_text(encoding="utf-8")
        for value in range(first, first + 20):
            text = text.replace(f'"{folder.name}{value}.png"', f'"{value - first}.png"')
        (folder / "metadata.jsonl").write_text(text, encoding="utf-8")
    shares = ["data.val_share=0.2", "data.test_share=0.2"]
    first = run_on(tmp_path / "a", "data=folder", f"data.root={folders[0]}", *shares)
    second = run_on(tmp_path / "b", "data=folder", f"data.root={folders[1]}", *shares)
    (first.run.path / "checkpoints").mkdir()
    keep_training_examples(second.run, SimpleNamespace(splits=None), first.run.path / "checkpoints" / "last.ckpt")
    assert held_out(second, num=4).num_seen == 0
    assert sum(training_examples(second.run).has_contents_of(training_examples(first.run).identities)) == 12
