"""What may change when a run is resumed, and what follows."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.resumption import resumed_config
from diptych.runs.training import resume, train
from diptych.tracking import read_metrics

SMALL = (
    "model=cnn_rnn",
    "tracking=csv",
    "trainer.threads=1",
    "data.batch_size=4",
    "budget_images=8",
    "validate_every_images=8",
    "callbacks.metrics_log.every_images=4",
    "callbacks.progress.quiet=true",
    "image_encoder.num_halvings=2",
)
FOLDER = ("data=folder", "data.image_size=16", "data.num_workers=0", "data.val_share=0.3", "data.test_share=0")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with a folder of pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(tmp_path / "outputs"))
    make_folder(tmp_path / "pictures")
    return tmp_path


def make_folder(folder: Path, caption: str = "a plain picture") -> Path:
    folder.mkdir()
    rows = []
    for number in range(10):
        Image.new("RGB", (20 + number, 30), (25 * number, 0, 0)).save(folder / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "text": caption})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def rates(folder) -> list[float]:
    return [row["train/lr"] for row in read_metrics(folder.metrics) if "train/lr" in row]


def test_a_run_resumed_further_learns_as_one_planned_so(here, caplog):
    caplog.set_level("INFO", "diptych")
    overrides = [*SMALL, "data=digits", "data.val_size=8", "schedule=linear", "schedule.warmup_images=0"]
    folder, _ = train(compose(overrides))
    assert rates(folder)[-1] == 0
    resume(folder, ["budget_images=24"])
    whole, _ = train(compose([*overrides, "budget_images=24"]))
    assert rates(folder)[2:] == rates(whole)[2:]
    assert rates(folder)[2] > 0
    assert "schedule.total_images: 8 → 24, because it follows ${budget_images}" in caplog.messages


def test_a_schedule_set_by_hand_stays_and_a_warning_names_the_key(here, caplog):
    by_hand = ["data=digits", "data.val_size=8", "schedule.total_images=8", "schedule.warmup_images=0"]
    folder, _ = train(compose([*SMALL, *by_hand]))
    resume(folder, ["budget_images=24"])
    assert rates(folder)[2:] == [0, 0, 0, 0]
    assert "set schedule.total_images=24" in caplog.text
    caplog.clear()
    resume(folder, ["budget_images=40", "schedule.total_images=40"])
    assert min(rates(folder)[6:-1]) > 0
    assert "learning rates" not in caplog.text


def test_a_run_may_go_on_in_micro_batches(here, caplog):
    folder, _ = train(compose([*SMALL, "data=digits", "data.val_size=8"]))
    assert folder.read_config()["system"]["micro_batch_size"] is None
    resume(folder, ["budget_images=16", "system.micro_batch_size=3"])
    assert folder.read_status().images_seen == 16
    assert "system.micro_batch_size=3: a step of 4 examples is computed in 2 parts" in caplog.text
    assert resumed_config(folder, read_checkpoint(folder.last)["config"], [], ())["system"]["micro_batch_size"] == 3
    with pytest.raises(UserError, match=r"system\.pixel_noise cannot change"):
        resume(folder, ["budget_images=24", "system.pixel_noise=0.1"])


def test_a_change_of_micro_batches_survives_a_start_that_saved_nothing(here):
    folder, _ = train(compose([*SMALL, "data=digits", "data.val_size=8"]))
    began = read_checkpoint(folder.last)["config"]
    folder.write_config(resumed_config(folder, began, ["budget_images=16", "system.micro_batch_size=3"], ()))
    again = resumed_config(folder, began, [], ())
    assert (again["budget_images"], again["system"]["micro_batch_size"]) == (16, 3)
    assert {**again["system"], "micro_batch_size": None} == began["system"]


def test_a_short_run_says_how_often_it_validates(here, caplog):
    caplog.set_level("INFO", "diptych")
    short = [o for o in SMALL if not o.startswith("validate_every_images")]
    folder, _ = train(compose([*short, "data=digits", "data.val_size=8", "budget_images=40"]))
    assert any(line.startswith("validate_every_images=8 and callbacks.samples") for line in caplog.messages)
    assert sum("val/perplexity" in row for row in read_metrics(folder.metrics)) == 5
    assert len(list(folder.samples.glob("captions-*.png"))) == 6


def test_validations_beyond_the_budget_are_warned_of(here, caplog):
    train(compose([*SMALL, "data=digits", "data.val_size=8", "validate_every_images=9"]))
    assert "validate_every_images=9: budget_images=8 ends before" in caplog.text


def test_data_that_moved_are_found_where_they_are_now(here, monkeypatch):
    folder, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures"]))
    assert folder.read_config()["data"]["root"] == str(here / "pictures")
    (here / "pictures").rename(here / "moved")
    with pytest.raises(UserError, match=r"pictures is not a folder; if it has moved, add data\.root=NEW_PLACE"):
        resume(folder, ["budget_images=16"])
    resume(folder, ["budget_images=16", "data.root=moved", "data.num_workers=1"])
    assert folder.read_status().images_seen == 16
    (here / "away").mkdir()
    monkeypatch.chdir(here / "away")
    resume(folder, ["budget_images=24"])
    assert folder.read_status().images_seen == 24


def test_a_run_goes_on_from_another_working_directory(here, monkeypatch):
    folder, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures"]))
    (here / "away").mkdir()
    monkeypatch.chdir(here / "away")
    resume(folder, ["budget_images=16"])
    assert folder.read_status().images_seen == 16


def test_other_examples_are_refused_and_the_run_stays_as_it_is(here):
    folder, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures"]))
    make_folder(here / "others", "another picture")
    with pytest.raises(UserError, match=r"others: these are not the examples .* their captions differ"):
        resume(folder, ["budget_images=16", "data.root=others"])
    assert folder.read_config()["data"]["root"] == str(here / "pictures")
    resume(folder, ["budget_images=16"])
    assert folder.read_status().images_seen == 16


def test_what_changes_the_examples_may_not_change(here):
    folder, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures"]))
    with pytest.raises(UserError, match=r"data\.val_share cannot change .*data\.num_workers.*data\.root"):
        resume(folder, ["budget_images=16", "data.val_share=0.5"])


def test_a_home_folder_is_found(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    folder, _ = train(compose([*SMALL, *FOLDER, "data.root='~/pictures'"]))
    assert folder.read_config()["data"]["root"] == str(here / "pictures")


def test_a_run_depends_on_no_other_run_once_it_began(here, monkeypatch):
    first, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures"]))
    second, _ = train(compose([*SMALL, *FOLDER, "data.root=pictures", f"init_from={first.run_id}"]))
    shutil.rmtree(first.path)
    (here / "away").mkdir()
    monkeypatch.chdir(here / "away")
    resume(second, ["budget_images=16"])
    assert second.read_status().images_seen == 16
