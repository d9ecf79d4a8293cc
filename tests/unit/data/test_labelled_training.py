"""Data with classes train what scenes train: a classifier by labels, a captioner and a generator by sentences."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from diptych.cli.main import main
from diptych.config.composition import compose
from diptych.runs.folder.status import DONE
from diptych.runs.training import train

SIDES = {"fashion_mnist": 28, "cifar10": 32, "imagefolder": 32}


def _fashion_mnist(folder: Path) -> None:
    for part in ("train", "t10k"):
        pixels, labels = bytes(range(30)) * (28 * 28), bytes(i % 10 for i in range(30))
        images = struct.pack(">IIII", 0x803, 30, 28, 28) + pixels
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 30) + labels)


def _cifar10(folder: Path) -> None:
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(b"".join(bytes([label]) * 3073 for label in range(10)))


def _imagefolder(folder: Path) -> None:
    for split in ("train", "val", "test"):
        for place, name in enumerate(("red", "green", "blue")):
            (folder / split / name).mkdir(parents=True)
            for i in range(4):
                colour = [0, 0, 0]
                colour[place] = 255 - i
                Image.new("RGB", (20, 16), tuple(colour)).save(folder / split / name / f"{i}.png")


FILES: dict[str, Callable[[Path], None]] = {
    "fashion_mnist": _fashion_mnist,
    "cifar10": _cifar10,
    "imagefolder": _imagefolder,
}
SMALL = ["data.batch_size=4", "budget_images=8", "tracking=none", "debug=one_step"]


def overrides(name: str, folder: Path) -> list[str]:
    (folder / "files").mkdir()
    FILES[name](folder / "files")
    held_out = [] if name == "imagefolder" else ["data.val_size=10", "data.download=false"]
    return [
        f"data={name}",
        f"data.root={folder / 'files'}",
        f"data.image_size={SIDES[name]}",
        "data.num_workers=0",
        *held_out,
    ]


@pytest.mark.parametrize("model", ["classifier", "dcgan text_encoder=gru", "cnn_rnn"])
@pytest.mark.parametrize("name", FILES)
def test_each_data_set_takes_part_in_a_step_of_each_kind_of_model(name, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = compose([*f"model={model}".split(), *overrides(name, tmp_path), *SMALL])
    folder, _ = train(config)
    assert folder.read_status().status == DONE


@pytest.mark.parametrize("packed", [False, True])
def test_a_classifier_learns_class_folders_that_colour_tells_apart(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rest = [
        f"paths.outputs={tmp_path}",
        "tracking=none",
        "data.batch_size=12",
        "budget_images=720",
        "schedule=constant",
    ]
    data = overrides("imagefolder", tmp_path)
    if packed:
        assert main(["data", "pack", "imagefolder", data[1], "--out", "packed", "--samples", "5"]) == 0
        data = ["data=webdataset", "data.root=packed", 'data.shards="*.tar"', *data[2:]]
    config = compose(["model=classifier", *data, *rest, "validate_every_images=720"])
    folder, _ = train(config)
    assert folder.read_status().best == pytest.approx(1)
