"""MNIST from its four idx files (LeCun, Cortes, Burges), with captions; bytes become [-1, 1] as v / 127.5 - 1."""

import logging
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from torch import Tensor

from diptych.data.division import Division
from diptych.data.example import Examples
from diptych.data.idx import read_idx
from diptych.data.labelled import LabelledImages, check_sizes, numerals_spec, resized, stratified_order
from diptych.data.module import DataModule
from diptych.types import DataSpec

FILES = {"train": "train", "test": "t10k"}
TORCHVISION_FOLDER = Path("MNIST") / "raw"
log = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False, repr=False)
class MnistData(Division, DataModule):
    """`root` holds the idx files, gzipped or not; if they are missing and `download` is true, torchvision fetches them.

    The test split is the official one (its first `test_size` pictures, or all). The val split is a stratified, fixed
    part of `val_size` pictures of the official training set, or a fold of it; of the others `train_size` train, or all.
    """

    same_examples: ClassVar[tuple[str, ...]] = ("root", "download")

    root: Path
    download: bool
    image_size: int
    channels: int
    val_size: int
    test_size: int | None

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        folder = self._folder()
        part = partial(
            LabelledImages, channels=self.channels, captions_per_image=self.captions_per_image, seed=self.seed
        )
        images, labels = _read(folder, "train")
        fit = partial(part, name="mnist/train", images=resized(images, self.image_size), labels=labels)
        check_sizes(len(labels), val_size=self.val_size, test_size=0)
        train, val = self.divided(stratified_order(labels, "mnist"), self.val_size)
        images, labels = _read(folder, "test")
        chosen = range(len(labels) if self.test_size is None else min(self.test_size, len(labels)))
        splits = {
            "train": fit(chosen=train),
            "val": fit(chosen=val),
            "test": part(name="mnist/test", images=resized(images, self.image_size), labels=labels, chosen=chosen),
        }
        spec = numerals_spec(
            "mnist",
            image_size=self.image_size,
            channels=self.channels,
            tokenizer=self.tokenizer,
            rules=self.tokenizer_rules,
        )
        return spec, splits

    def _folder(self) -> Path:
        """The folder of the files, after a download if needed."""
        folders = (self.root, self.root / TORCHVISION_FOLDER)
        found = [folder for folder in folders if not _missing(folder)]
        if not found and self.download:
            _download(self.root)
            found = [self.root / TORCHVISION_FOLDER]
        if not found:
            raise ValueError(
                f"data.root={self.root} has no {_missing(self.root)[0]}[.gz]: name the folder of MNIST's four idx "
                f"files, or set data.download=true to fetch them with torchvision"
            )
        return found[0]


def _read(folder: Path, split: str) -> tuple[Tensor, list[int]]:
    images = read_idx(_path(folder, f"{FILES[split]}-images-idx3-ubyte"), axes=3)
    labels = read_idx(_path(folder, f"{FILES[split]}-labels-idx1-ubyte"), axes=1).tolist()
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images):,} {split} pictures but {len(labels):,} labels")
    if labels and max(labels) > 9:
        raise ValueError(f"{folder}: a {split} label is {max(labels)}; digits are 0 to 9")
    return images, labels


def _missing(folder: Path) -> list[str]:
    names = (f"{part}-{kind}-ubyte" for part in FILES.values() for kind in ("images-idx3", "labels-idx1"))
    return [name for name in names if not _path(folder, name).exists()]


def _path(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.exists() else folder / f"{name}.gz"


def _download(root: Path) -> None:
    """Download to a temporary folder, then move complete files into place, over an interrupted download's."""
    from torchvision.datasets import MNIST

    log.info("downloading MNIST into %s", root)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as beside:
        try:
            MNIST(beside, download=True)
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"MNIST could not be downloaded ({error}); set data.root to a folder that has its four idx files"
            ) from error
        (root / TORCHVISION_FOLDER).mkdir(parents=True, exist_ok=True)
        for file in (Path(beside) / TORCHVISION_FOLDER).iterdir():
            os.replace(file, root / TORCHVISION_FOLDER / file.name)
