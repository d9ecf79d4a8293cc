"""CIFAR-10 (Krizhevsky 2009): photographs of ten kinds of things; bytes become [-1, 1] as v / 127.5 - 1."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from diptych.data.labelled.base import Labelled, OfficiallySplit
from diptych.data.labelled.cifar_files import LAYOUTS, find
from diptych.data.labelled.classes import Classes
from diptych.data.labelled.downloads import download

NAMES = {
    "airplane": ("airplane", "plane"),
    "automobile": ("automobile", "car"),
    "bird": ("bird",),
    "cat": ("cat",),
    "deer": ("deer",),
    "dog": ("dog",),
    "frog": ("frog",),
    "horse": ("horse",),
    "ship": ("ship",),
    "truck": ("truck",),
}
"""The data's own labels, and what else people call these things."""


@dataclass(kw_only=True, eq=False, repr=False)
class Cifar10Data(OfficiallySplit):
    """The files in `root`, in their folder there, or in an archive of it.

    If there are none and `download` is true, torchvision fetches them.
    """

    same_examples: ClassVar[tuple[str, ...]] = ("root", "download")
    set_name = "cifar10"
    classes = Classes.named(NAMES)

    root: Path
    download: bool

    def read(self) -> tuple[Labelled, Labelled]:
        files = find(self.root)
        if files is None and self.download:
            download("CIFAR10", self.root, Path(LAYOUTS[0].folder), f"{LAYOUTS[0].folder} or {LAYOUTS[0].archive}")
            files = find(self.root)
        if files is None:
            raise ValueError(
                f"data.root={self.root} has none of {', '.join(layout.folder for layout in LAYOUTS)}, nor "
                f"{' or '.join(layout.archive for layout in LAYOUTS)}: name the folder that has one of them, or set "
                "data.download=true to fetch it with torchvision"
            )
        return files.read()
