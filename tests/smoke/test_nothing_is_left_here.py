"""No command leaves a file where one stands: everything goes to the outputs, or to what the user names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_sweeps import fake_sweep, varied
from PIL import Image

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.runs.training import train

TINY = ["data=digits", "data.batch_size=16", "data.val_size=32", "budget_images=32", "validate_every_images=32"]
TINY += ["trainer.threads=1", "callbacks.progress.quiet=true"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Outputs with a generator and a captioner, and a folder of captioned pictures."""
    folder = tmp_path_factory.mktemp("place")
    for model in (["model=mlp_gan", "name=generator"], ["model=cnn_rnn_attention", "image_encoder.num_halvings=2"]):
        train(compose([*model, *TINY, "tracking=csv", f"paths.outputs={folder / 'outputs'}"]))
    pictures = folder / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        Image.fromarray(rng.integers(0, 255, (30, 30, 3), dtype=np.uint8)).save(pictures / f"{number}.png")
    rows = [json.dumps({"file_name": f"{number}.png", "text": "a dog runs"}) for number in range(12)]
    (pictures / "metadata.jsonl").write_text("\n".join(rows))
    fake_sweep(folder / "outputs", "widths", varied(folder))
    return folder


@pytest.fixture
def here(place, tmp_path, monkeypatch) -> Path:
    """An empty folder in which commands are typed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_OUTPUTS", str(place / "outputs"))
    return tmp_path


COMMANDS = [
    "runs",
    "runs show latest",
    "score PICTURES/metadata.jsonl PICTURES/metadata.jsonl --no-java",
    "data check PICTURES",
    "data stats digits",
    "data preview digits -n 2",
    "data preview PICTURES -n 2",
    "generate latest -n 2 --grid",
    "caption latest PICTURES/1.png --attention",
    "evaluate latest --num 20",
    "report latest",
    "compare widths",
    "sweep status widths",
    "report widths",
    "doctor",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_leaves_nothing_where_one_stands(command, place, here, capsys):
    words = command.replace("PICTURES", str(place / "pictures")).split()
    assert main(words) == 0, capsys.readouterr().err
    assert list(here.iterdir()) == []


def test_training_leaves_nothing_either(place, here):
    asked = ["train", "model=mlp_gan", *TINY, "tracking=wandb", "debug=profile"]
    environment = {**os.environ, "WANDB_MODE": "offline"}
    done = subprocess.run([sys.executable, "-m", "diptych", *asked], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == []


def test_two_previews_of_other_data_have_files_of_their_own(place, here, capsys):
    said = []
    for words in (["digits", "-n", "2"], ["digits", "-n", "3"], ["digits", "-n", "2"]):
        assert main(["data", "preview", *words]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[2] != said[1]
    assert all(Path(line.strip()).parent == place / "outputs" / "previews" for line in said)
