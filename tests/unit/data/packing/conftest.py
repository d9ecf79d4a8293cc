import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import pytest
from PIL import Image
from sharded import SETTINGS

from diptych.data import DataModule, FolderData, ImageFolderData, WebDatasetData
from diptych.data.packing.job import Packing
from diptych.data.packing.plan import Plan

Build = Callable[..., DataModule]
OF_FOLDERS = {"captions": None, "images": None, "split_files": None}
OF_CLASSES = {name: value for name, value in SETTINGS.items() if name != "min_count"}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path) -> Build:
    """Pictures whose names no member of a tar file could have: dots, two formats of one name, accents, folders."""
    names = ["1.png", "1.jpg", "a.b.png", "Äpfel und Birnen.png", ".x/1.png", *(f"{i:02d}.png" for i in range(20, 35))]
    rows = [{"file_name": name, "text": [f"Picture {i}.", f"an Äpfel of {i % 3}"]} for i, name in enumerate(names)]
    root = tmp_path / "pictures"
    for number, name in enumerate(names):
        write_noise(root / name, number)
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return lambda **changes: FolderData(root=root, **(SETTINGS | OF_FOLDERS | changes))


@pytest.fixture
def karpathy(tmp_path) -> Build:
    layouts.write_layout(tmp_path / "flickr", "flickr8k_karpathy")
    return lambda **changes: FolderData(root=tmp_path / "flickr", **(SETTINGS | OF_FOLDERS | changes))


@pytest.fixture
def classes(tmp_path) -> Build:
    """Class folders whose names are in another order than their folders', split by share."""
    root, names = tmp_path / "classes", {"n01": "zebra", "n02": "ant, emmet", "n03": "crane", "n04": "crane"}
    (tmp_path / "names.json").write_text(json.dumps(names))
    for place, name in enumerate(names):
        for number in range(6):
            write_noise(root / name / f"{number}.png", 10 * place + number)
    settings = OF_CLASSES | {"split_files": None, "classes": tmp_path / "names.json"}
    return lambda **changes: ImageFolderData(root=root, **(settings | changes))


@pytest.fixture
def packed(tmp_path) -> Callable[..., WebDatasetData]:
    """`packed(data)`: the opened data, packed and read again; not opened yet."""

    def build(data: DataModule, *, samples: int = 4, side: int | None = None, **changes: Any) -> WebDatasetData:
        Packing(Plan.of(data, samples=samples, side=side), tmp_path / "packed").run(lambda _: None)
        return WebDatasetData(root=tmp_path / "packed", shards="*.tar", **(SETTINGS | changes))

    return build


def write_noise(path: Path, seed: int, size: tuple[int, int] = (20, 26)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size, 3), np.uint8)).save(path)
