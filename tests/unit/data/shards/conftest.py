import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sharded import SETTINGS

from diptych.data import WebDatasetData

Members = Iterable[tuple[str, bytes]]


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def pictures() -> Mapping[str, bytes]:
    """Forty small pictures, PNG files with noise, by name."""
    rng = np.random.default_rng(0)
    return {f"{i:04d}.png": _png(rng.integers(0, 255, (20, 18 + i % 5, 3), np.uint8)) for i in range(40)}


@pytest.fixture
def picture(pictures) -> bytes:
    return pictures["0000.png"]


@pytest.fixture
def captions(pictures) -> Mapping[str, list[str]]:
    return {name: [f"Picture number {int(name[:4])}.", "a plain picture"] for name in pictures}


@pytest.fixture
def samples(pictures, captions) -> Callable[[Iterable[str]], Members]:
    """`samples(names)`: the members of these pictures and their captions."""

    def members(names: Iterable[str]) -> Members:
        for name in names:
            yield name, pictures[name]
            yield f"{name[:4]}.txt", "\n".join(captions[name]).encode()

    return members


@pytest.fixture
def tars(tmp_path, pictures, samples) -> Path:
    """A folder with the forty pictures in five shards of 4, 12, 7, 16 and 1."""
    names, folder, start = list(pictures), tmp_path / "tars", 0
    folder.mkdir()
    for number, size in enumerate((4, 12, 7, 16, 1)):
        write_tar(folder / f"part-{number:03d}.tar", samples(names[start : start + size]))
        start += size
    return folder


@pytest.fixture
def picture_folder(tmp_path, pictures, captions) -> Path:
    """The same pictures and captions as a folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
    lines = [json.dumps({"file_name": name, "text": texts}) for name, texts in captions.items()]
    (folder / "metadata.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture
def webdataset() -> Callable[..., WebDatasetData]:
    """Not opened yet: opening is what most tests are about."""

    def build(root: Path, shards: Any = "part-{000..004}.tar", **changes: Any) -> WebDatasetData:
        return WebDatasetData(root=root, shards=shards, **(SETTINGS | {"shuffle_shards": 2} | changes))

    return build


@pytest.fixture
def problems(webdataset, tmp_path) -> Callable[[Members], Mapping[str, Sequence[str]]]:
    """`problems(members)`: what a check says of one shard with these members."""

    def found(members: Members) -> Mapping[str, Sequence[str]]:
        write_tar(tmp_path / "one.tar", members)
        return webdataset(tmp_path, "one.tar").inspect().problems

    return found


@pytest.fixture(name="write_tar")
def write_tar_fixture() -> Callable[[Path, Members], None]:
    return write_tar


def write_tar(path: Path, members: Members) -> None:
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
