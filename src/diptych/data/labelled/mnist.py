"""MNIST (LeCun, Cortes, Burges) and Fashion-MNIST, each four idx files; bytes become [-1, 1] as v / 127.5 - 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diptych.data.labelled.base import Labelled, OfficiallySplit
from diptych.data.labelled.clothes import CLOTHES
from diptych.data.labelled.downloads import download
from diptych.data.labelled.idx import read_idx
from diptych.data.labelled.numerals import DIGITS

FILES = {"train": "train", "test": "t10k"}


@dataclass(kw_only=True, eq=False, repr=False)
class MnistData(OfficiallySplit):
    """`root` holds the idx files, gzipped or not; if they are missing and `download` is true, torchvision fetches them.

    A sibling of MNIST has its own `set_name`, `title` (torchvision's) and `classes`.
    """

    same_examples: ClassVar[tuple[str, ...]] = ("root", "download")
    set_name = "mnist"
    title: ClassVar[str] = "MNIST"
    classes = DIGITS

    root: Path
    download: bool

    def read(self) -> tuple[Labelled, Labelled]:
        folder = self._folder()
        return self._read(folder, "train"), self._read(folder, "test")

    def _folder(self) -> Path:
        """The folder of the files, after a download if needed."""
        downloaded = Path(self.title) / "raw"
        folders = (self.root, self.root / downloaded)
        found = [folder for folder in folders if not _missing(folder)]
        if not found and self.download:
            download(self.title, self.root, downloaded, "its four idx files")
            found = [self.root / downloaded]
        if not found:
            raise ValueError(
                f"data.root={self.root} has no {_missing(self.root)[0]}[.gz]: name the folder of {self.title}'s four "
                f"idx files, or set data.download=true to fetch them with torchvision"
            )
        return found[0]

    def _read(self, folder: Path, split: str) -> Labelled:
        images = read_idx(_path(folder, f"{FILES[split]}-images-idx3-ubyte"), axes=3)
        labels = read_idx(_path(folder, f"{FILES[split]}-labels-idx1-ubyte"), axes=1).tolist()
        if len(images) != len(labels):
            raise ValueError(f"{folder}: {len(images):,} {split} pictures but {len(labels):,} labels")
        last = len(self.classes.labels) - 1
        if labels and max(labels) > last:
            raise ValueError(f"{folder}: a {split} label is {max(labels)}; {self.title}'s are 0 to {last}")
        return images[:, None], labels


class FashionMnistData(MnistData):
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747): photographs of clothes in MNIST's format."""

    set_name = "fashion_mnist"
    title = "FashionMNIST"
    classes = CLOTHES


def _missing(folder: Path) -> list[str]:
    names = (f"{part}-{kind}-ubyte" for part in FILES.values() for kind in ("images-idx3", "labels-idx1"))
    return [name for name in names if not _path(folder, name).exists()]


def _path(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.exists() else folder / f"{name}.gz"
