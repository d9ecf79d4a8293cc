"""A data set, a schedule, an optimiser and a callback of one's own, as the pages of the documentation have them."""

import json
import shlex
import shutil
from pathlib import Path

import documented
import numpy as np
import processes
import pytest
import torch
from PIL import Image

from diptych.runs.folder.find import find_run
from diptych.tracking import read_metrics

DOCS = Path(__file__).resolve().parents[2] / "docs"
DATA, TRAINING = DOCS / "own_data.md", DOCS / "training.md"
COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
ARRAY = ["--config-dir", "my_conf", "model=cnn_rnn", "data=array", "data.file=mine.npz", "data.batch_size=16"]
TRUST = ["--trust", "mypackage"]


def files_of(page: Path, folder: Path) -> None:
    """The page's files, and what its commands read: an array, a folder of pictures, and one of class folders."""
    documented.write_files(page, folder)
    names = [list(COLOURS)[number % 3] for number in range(100)]
    noise = np.random.default_rng(0).integers(-30, 30, (100, 28, 28, 3))
    images = np.clip(np.array([COLOURS[name] for name in names])[:, None, None] + noise, 0, 255).astype(np.uint8)
    captions = [f"a {name} picture" for name in names]
    np.savez(folder / "mine.npz", images=images, captions=np.array(captions))
    (folder / "FOLDER").mkdir()
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        Image.fromarray(image).save(folder / "FOLDER" / f"{number}.png")
        of_class = folder / "CLASSES" / f"{names[number]}_thing"
        of_class.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(of_class / f"{number}.png")
        with (folder / "FOLDER" / "metadata.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"file_name": f"{number}.png", "text": caption}) + "\n")
    shutil.copytree(folder / "FOLDER", folder / "TABLE", ignore=shutil.ignore_patterns("metadata.jsonl"))
    rows = [f"{number}.png,{name},{('small', 'large', '')[number % 3]}" for number, name in enumerate(names)]
    (folder / "TABLE" / "metadata.csv").write_text("\n".join(["file_name,colour,size", *rows]))


@pytest.fixture
def here(tmp_path):
    files_of(DATA, tmp_path)
    yield tmp_path
    processes.kill_all()


def diptych(folder: Path, *words: str) -> str:
    assert processes.finish(list(words), folder) == 0, processes.said(folder)
    return processes.said(folder)


def said_to(place: str, here: Path) -> str:
    """What the page's commands that name this folder say, one step of each training."""
    said = ""
    for command in documented.commands(DATA):
        words = [word for word in shlex.split(command)[1:] if not word.startswith("budget_images=")]
        if place in command:
            more = ["debug=one_step", "data.image_size=32", "tracking=csv"] if words[0] == "train" else []
            said = diptych(here, *words, *more)
    return said


@pytest.mark.slow
def test_every_training_of_the_page_on_training_takes_a_step(tmp_path):
    files_of(TRAINING, tmp_path)
    commands = [command for command in documented.commands(TRAINING) if command.startswith("diptych train")]
    assert len(commands) > 8
    for command in commands:
        diptych(tmp_path, *shlex.split(command)[1:], "debug=one_step", "data.val_size=20", "tracking=csv")
    processes.kill_all()


def test_a_callback_of_ones_own_logs_beside_the_others_and_can_be_left_out(tmp_path):
    files_of(TRAINING, tmp_path)
    words = ["--config-dir", "my_conf", "model=mlp_gan", "data=digits", "+callbacks=weight_norm", "tracking=csv"]
    diptych(tmp_path, "train", *words, "callbacks.weight_norm.every_images=64", "budget_images=128")
    run = find_run("latest", tmp_path / "outputs")
    assert [row["images"] for row in read_metrics(run.metrics) if "norm/generator" in row] == [64, 128]
    diptych(tmp_path, "resume", "latest", "budget_images=192", *TRUST)
    assert [row["images"] for row in read_metrics(run.metrics) if "norm/generator" in row] == [64, 128, 192]
    diptych(tmp_path, "resume", "latest", "budget_images=256", "callbacks.weight_norm=null")
    assert [row["images"] for row in read_metrics(run.metrics) if "norm/generator" in row] == [64, 128, 192]


def test_the_commands_on_a_folder_are_as_the_page_has_them(here):
    assert "nothing is wrong with it" in said_to("FOLDER", here)


@pytest.mark.slow
def test_the_commands_on_a_table_of_values_are_as_the_page_has_them(here):
    assert "size is missing 33 times (33.0 %): left out of the sentence" in said_to("TABLE", here)


@pytest.mark.slow
def test_the_commands_on_class_folders_are_as_the_page_has_them(here):
    said = said_to("CLASSES", here)
    assert "imagefolder: 100 good pictures, 700 captions" in said
    assert "'a blue thing'" in said


def test_a_data_set_of_ones_own_is_trained_resumed_moved_and_evaluated(here):
    diptych(here, "train", *ARRAY, "budget_images=64", "tracking=csv")
    half = find_run("latest", here / "outputs")
    (here / "mine.npz").rename(here / "moved.npz")
    diptych(here, "resume", "latest", "budget_images=128", "data.file=moved.npz", *TRUST)
    (here / "moved.npz").rename(here / "mine.npz")
    diptych(here, "train", *ARRAY, "budget_images=128", "tracking=csv")
    whole = find_run("latest", here / "outputs")
    weights = [torch.load(run.last, weights_only=True)["state_dict"] for run in (half, whole)]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    diptych(here, "evaluate", "latest", *TRUST)
    (file,) = whole.evaluations.glob("*.json")
    assert json.loads(file.read_text())["protocol"]["num"] == 10


def test_its_training_examples_are_known_again_under_another_split(here):
    """`open` is changed after the run: what was for training is now for the test."""
    diptych(here, "train", *ARRAY, "budget_images=32", "tracking=csv")
    code = (here / "mypackage.py").read_text()
    assert code.count('"test": [number for number in numbers if number % 10 == 9]') == 1
    (here / "mypackage.py").write_text(code.replace("number % 10 == 9]", "number % 10 == 1]"))
    assert processes.finish(["evaluate", "latest", "data.seed=0", *TRUST], here) == 2
    assert "was trained on 10 of these 10 examples" in processes.said(here)


def test_intervals_follow_a_budget_that_another_process_changes(here):
    diptych(here, "train", "model=mlp_gan", "data=digits", "budget_images=320", "tracking=csv", "data.val_size=20")
    said = diptych(here, "resume", "latest", "budget_images=640")
    assert "validate_every_images: 64 → 128, because it follows ${within_budget:50_000,${budget_images}}" in said
