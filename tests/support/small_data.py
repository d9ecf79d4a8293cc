"""Small files of every data set that has a configuration: `small_data(folder, name)` writes them.

It gives the overrides of a run on them.
"""

import json
import struct
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from layouts import write_layout
from PIL import Image

SMALL = ["data.batch_size=4", "data.val_size=8", "data.test_size=8"]
SMALL_FOLDER = ["data.image_size=32", "data.val_share=0.2", "data.num_workers=0", "data.batch_size=4"]
LAYOUTS = ("coco", "flickr8k", "flickr30k", "cub", "flowers")


def small_data(folder: Path, name: str) -> list[str]:
    """Write the files, and say how to read them."""
    return SMALL_DATA[name](folder)


def _mnist(folder: Path) -> list[str]:
    """Write idx files like MNIST's, with 60 pictures each."""
    for part in ("train", "t10k"):
        pixels, labels = bytes(60 * 28 * 28), bytes(i % 10 for i in range(60))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 60, 28, 28) + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 60) + labels)
    return [f"data.root={folder}", "data.download=false", *SMALL]


def _cifar10(folder: Path) -> list[str]:
    """Write files of CIFAR-10's binary version, with ten pictures each."""
    for name in (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"):
        (folder / f"{name}.bin").write_bytes(b"".join(bytes([label]) + bytes(3 * 32 * 32) for label in range(10)))
    return [f"data.root={folder}", "data.download=false", *SMALL]


def _imagefolder(folder: Path) -> list[str]:
    """Write two class folders with twenty pictures each."""
    root = folder / "pictures"
    for name in ("red_thing", "blue_thing"):
        (root / name).mkdir(parents=True)
        for i in range(20):
            Image.new("RGB", (40, 32), (255 - i, 0, i)).save(root / name / f"{i}.png")
    return [
        f"data.root={root}",
        "data.image_size=32",
        "data.val_share=0.2",
        "data.num_workers=0",
        "data.batch_size=4",
    ]


def _folder(folder: Path) -> list[str]:
    """Write pictures with metadata.jsonl; a hash of their names splits them."""
    lines = []
    for i in range(60):
        Image.new("RGB", (40, 32), (i * 4, 0, 255 - i * 4)).save(folder / f"{i}.png")
        lines.append(json.dumps({"file_name": f"{i}.png", "text": f"picture number {i % 7}"}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return [f"data.root={folder}", *SMALL_FOLDER]


def described_table(folder: Path) -> list[str]:
    """Write the same pictures with a table of values in place of captions, some of them missing."""
    folder.mkdir(exist_ok=True)
    settings = _folder(folder)
    (folder / "metadata.jsonl").unlink()
    rows = [f"{i}.png,{('red', 'blue', '')[i % 3]},{('small', 'large')[i % 2]}" for i in range(60)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,colour,size", *rows]))
    return ["data=folder", "data.columns=[colour,size]", *settings]


def _data_set(folder: Path, name: str) -> list[str]:
    """Write a few pictures in the layout of a public data set."""
    write_layout(folder, name)
    return [f"data.root={folder}", *SMALL_FOLDER]


def _tar(folder: Path) -> list[str]:
    """Write the same pictures into one tar file."""
    settings = _folder(folder)
    with tarfile.open(folder / "0.tar", "w") as tar:
        for i in range(60):
            (folder / f"{i}.txt").write_text(f"picture number {i % 7}")
            for name in (f"{i}.png", f"{i}.txt"):
                tar.add(folder / name, name)
    return [*settings, "data.shards=0.tar"]


def _parquet(folder: Path) -> list[str]:
    """Write the same pictures into one Parquet file."""
    arrow = pytest.importorskip("pyarrow", reason="the extra `hf` is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `hf` is not installed")
    settings = _folder(folder)
    images = [(folder / f"{i}.png").read_bytes() for i in range(60)]
    parquet.write_table(
        arrow.table({"image": images, "text": [f"picture number {i % 7}" for i in range(60)]}), folder / "0.parquet"
    )
    return settings


SMALL_DATA: dict[str, Callable[[Path], list[str]]] = {
    "mnist": _mnist,
    "fashion_mnist": _mnist,
    "cifar10": _cifar10,
    "folder": _folder,
    "imagefolder": _imagefolder,
    "webdataset": _tar,
    "hf": _parquet,
    **{name: partial(_data_set, name=name) for name in LAYOUTS},
}
