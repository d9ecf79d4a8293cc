import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sharded import SETTINGS

from diptych.data import DigitsData, FolderData, ScenesData
from diptych.world import WorldSpec


@pytest.fixture
def digits() -> Callable[..., DigitsData]:
    def build(**changes: Any) -> DigitsData:
        values = {"image_size": 28, "channels": 1, "captions_per_image": 1, "val_size": 180, "test_size": 360}
        return _opened(DigitsData(**(values | {"tokenizer": "word", "batch_size": 8} | changes)))

    return build


@pytest.fixture
def scenes() -> Callable[..., ScenesData]:
    def build(**changes: Any) -> ScenesData:
        values = {
            "world": WorldSpec(min_objects=1),
            "languages": ("en",),
            "complete_prob": 1.0,
            "phrasings": None,
            "hold_out": None,
            "captions_per_image": 1,
            "num_references": 5,
            "val_size": 20,
            "test_size": 30,
            "tokenizer": "word",
            "batch_size": 8,
        }
        return _opened(ScenesData(**(values | changes)))

    return build


@pytest.fixture
def folder_data() -> Callable[..., FolderData]:
    """Not opened yet: opening is what most tests are about."""

    def build(root: Path, **changes: Any) -> FolderData:
        values = {**SETTINGS, "root": root, "captions": None, "images": None, "split_files": None}
        return FolderData(**(values | changes))

    return build


@pytest.fixture
def good_folder(tmp_path: Path) -> Path:
    """Ten pictures of different colours and sizes, with two captions each."""
    entries = []
    for i in range(10):
        Image.new("RGB", (20 + i, 30), (25 * i, 100, 200)).save(tmp_path / f"{i}.png")
        entries.append({"file_name": f"{i}.png", "text": [f"Picture number {i}.", "a plain picture"]})
    write_jsonl(tmp_path / "metadata.jsonl", entries)
    return tmp_path


@pytest.fixture(name="write_jsonl")
def write_jsonl_fixture() -> Callable[[Path, list[dict[str, Any]]], None]:
    return write_jsonl


def write_jsonl(path: Path, entries: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")


def _opened(data: Any) -> Any:
    data.setup("fit")
    return data
