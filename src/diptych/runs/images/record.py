"""How an image was made, as one JSON text inside its PNG: enough to make it again, and no path.

Keys: `version` of the record, `sentence`, `noise_key`, `seed`, `index` (the image's number among those of its
sentence), `options` (all of the family's), `checkpoint` (a digest of the weights), `diptych` (its version) and, where
something was done to the image, `finish` (`diptych.runs.images.finish`). An image of a walk has `stops`, `frames` and
`frame` in place of a sentence; a GIF's record is its comment. One that was made of a picture's own noise has `inverted`
(a digest of the picture's pixels) and `shows` (its sentence) in place of key and index.
"""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from diptych.runs.sampling_options import as_values

KEY = "diptych"
VERSION = 1


def as_record(
    *,
    sentence: str,
    noise_key: str,
    seed: int,
    index: int,
    options: Any,
    digest: str,
    finish: Mapping[str, Any] | None = None,
) -> str:
    """The JSON text; `finish` is named where it is not empty."""
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
    return json.dumps(record | ({"finish": dict(finish)} if finish else {}), ensure_ascii=False)


def as_walk_record(
    *,
    stops: Sequence[Sequence[Any]],
    frame: int,
    frames: int,
    seed: int,
    options: Any,
    digest: str,
    finish: Mapping[str, Any],
) -> str:
    """The JSON text of a walk's image: `stops` are (sentence, noise key, index), `frames` those between two."""
    record = {
        "version": VERSION,
        "stops": [list(stop) for stop in stops],
        "frame": frame,
        "frames": frames,
        "seed": seed,
        "options": as_values(options),
        "checkpoint": digest,
        "diptych": _version(),
    }
    return json.dumps(record | ({"finish": dict(finish)} if finish else {}), ensure_ascii=False)


def as_edit_record(
    *, sentence: str, inverted: str, shows: str, seed: int, options: Any, digest: str, finish: Mapping[str, Any]
) -> str:
    """The JSON text of an image that was made of a picture's own noise."""
    record = {
        "version": VERSION,
        "sentence": sentence,
        "inverted": inverted,
        "shows": shows,
        "seed": seed,
        "options": as_values(options),
        "checkpoint": digest,
        "diptych": _version(),
    }
    return json.dumps(record | ({"finish": dict(finish)} if finish else {}), ensure_ascii=False)


def save_png(picture: Image.Image, file: Path) -> None:
    """Write the image with its record, if it has one, as the PNG text chunk `diptych`."""
    chunks = PngImagePlugin.PngInfo()
    if KEY in picture.info:
        chunks.add_itxt(KEY, str(picture.info[KEY]))
    picture.save(file, pnginfo=chunks)


def read_record(file: Path) -> dict[str, Any] | None:
    """The record inside a PNG or GIF; None where there is none."""
    with Image.open(file) as picture:
        text = record_in(picture)
    return None if text is None else json.loads(text)


def record_in(picture: Image.Image) -> str | None:
    """The record's text in an opened PNG or GIF."""
    comment = picture.info.get("comment")
    return picture.info.get(KEY, comment.decode(errors="replace") if isinstance(comment, bytes) else None)


def _version() -> str:
    try:
        return version("diptych")
    except PackageNotFoundError:
        return "unknown"
