"""`--checkpoint best|last|FILE`: which weights of a run a command uses, and what a run says when it ends."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import diptych
from diptych.cli.main import main
from diptych.config import UserError
from diptych.config.composition import compose
from diptych.runs.folder.layout import RunFolder
from diptych.runs.training import resume, train

TINY = ("data.batch_size=16", "data.val_size=32", "tracking=csv", "trainer.threads=1", "callbacks.progress.quiet=true")
RHYTHM = ("data=digits", "budget_images=64", "validate_every_images=32")


def trained(outputs: Path, *overrides: str) -> tuple[RunFolder, tuple[str, ...]]:
    folder, record = train(compose([*overrides, *RHYTHM, *TINY, f"paths.outputs={outputs}"]))
    return folder, record.lines


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> tuple[RunFolder, tuple[str, ...]]:
    return trained(tmp_path_factory.mktemp("outputs"), "model=mlp_gan", "text_encoder=gru")


@pytest.fixture(scope="module")
def run(said, tmp_path_factory) -> RunFolder:
    """A run whose last checkpoint has seen 96 images, beside files of 64 in its folder and elsewhere."""
    folder = said[0]
    shutil.copy(folder.last, folder.checkpoints / "early.ckpt")
    shutil.copy(folder.last, folder.path.parents[1] / "kept.ckpt")
    resume(folder, ["budget_images=96"])
    return folder


def test_best_and_last_and_a_file_are_told_apart(run):
    elsewhere = run.path.parents[1] / "kept.ckpt"
    seen = {name: diptych.load(run.path, checkpoint=name).images_seen for name in ("last", "early", elsewhere)}
    assert seen == {"last": 96, "early": 64, elsewhere: 64}
    assert diptych.load(run.path, checkpoint="best").checkpoint == run.best.resolve()
    assert diptych.load(run.path).checkpoint == run.best
    assert re.fullmatch("kept-[0-9a-f]{8}", diptych.load(run.path, checkpoint=elsewhere).checkpoint_name)


def test_commands_that_read_weights_take_the_option(run, tmp_path, capsys):
    assert main(["generate", str(run.path), "a seven", "-n", "1", "--checkpoint", "last", "--out", str(tmp_path)]) == 0
    assert "last checkpoint, 96 images seen" in capsys.readouterr().out
    asked = ["--checkpoint", "early", "--num", "20", "--no-skills"]
    assert main(["evaluate", str(run.path), *asked]) == 0
    assert "early checkpoint, 64 images seen" in capsys.readouterr().out
    assert {path.name.partition("-")[0] for path in run.evaluations.glob("*.json")} == {"early"}


def test_a_captioner_takes_it_too(tmp_path, capsys):
    folder, lines = trained(tmp_path, "model=cnn_rnn", "image_encoder.num_halvings=2")
    picture = tmp_path / "grey.png"
    Image.new("RGB", (30, 30), (90, 90, 90)).save(picture)
    assert main(["caption", str(folder.path), str(picture), "--checkpoint", "last"]) == 0
    assert lines[-1] == f"next: diptych evaluate {folder.shown}"
    assert main(["caption", str(folder.path), str(picture), "--checkpoint", "first"]) == 2
    assert "there is no checkpoint first" in capsys.readouterr().err


def test_a_wrong_name_lists_what_there_is(run):
    with pytest.raises(UserError, match=r"there is no checkpoint bset: .* has best, early, last, previous; name one"):
        diptych.load(run.path, checkpoint="bset")


def test_a_checkpoint_of_another_run_is_refused_by_name(run, tmp_path):
    other, _ = trained(tmp_path, "model=mlp_gan")
    with pytest.raises(UserError, match=f"is a checkpoint of run {other.run_id}, not of {run.run_id}: name that run"):
        diptych.load(run.path, checkpoint=other.last)


def test_a_run_ends_with_its_figure_and_a_command_that_works(said, run, monkeypatch, capsys):
    folder, lines = said
    figure, command = [line for line in lines if not line.startswith("collapsed")]
    monitor, best = folder.read_config()["monitor"], folder.read_status().best
    assert best is not None
    assert re.fullmatch(rf"checkpoint best: {monitor} \S+ after (32|64) images", figure)
    assert re.fullmatch(rf"next: diptych generate {folder.shown} '[a-z ]+'", command)
    *_, sentence = command.split("'")[:2]
    monkeypatch.chdir(folder.path.parents[1])
    assert main(["generate", str(folder.path), sentence, "-n", "1"]) == 0


def test_a_run_without_a_monitor_or_a_sentence_says_so(tmp_path):
    folder, lines = trained(tmp_path, "model=mlp_gan", "monitor=null")
    assert lines[-2:] == (
        "checkpoint last; no figure is monitored (monitor=val/… keeps the best)",
        f"next: diptych generate {folder.shown}",
    )
