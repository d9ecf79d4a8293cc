"""How an image was made, as one JSON text inside its PNG: enough to make it again, and no path.

Keys: `version` of the record, `sentence`, `noise_key`, `seed`, `index` (the image's number among those of its
sentence), `options` (all of the family's), `checkpoint` (a digest of the weights) and `diptych` (its version).
"""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from diptych.runs.sampling_options import as_values

KEY = "diptych"
VERSION = 1


def as_record(*, sentence: str, noise_key: str, seed: int, index: int, options: Any, digest: str) -> str:
    """The JSON text."""
    record = {
        "version": VERSION,
        "sentence": sentence,
        "noise_key": noise_key,
        "seed": seed,
        "index": index,
        "options": as_values(options),
        "checkpoint": digest,
        "diptych": _version(),
    }
    return json.dumps(record, ensure_ascii=False)


def save_png(picture: Image.Image, file: Path) -> None:
    """Write the image with its record, if it has one, as the PNG text chunk `diptych`."""
    chunks = PngImagePlugin.PngInfo()
    if KEY in picture.info:
        chunks.add_itxt(KEY, str(picture.info[KEY]))
    picture.save(file, pnginfo=chunks)


def read_record(file: Path) -> dict[str, Any] | None:
    """The record inside a PNG; None where there is none."""
    with Image.open(file) as picture:
        text = picture.info.get(KEY)
    return None if text is None else json.loads(text)


def _version() -> str:
    try:
        return version("diptych")
    except PackageNotFoundError:
        return "unknown"
