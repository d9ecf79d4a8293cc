"""How an image was made, as one JSON text inside its PNG: enough to make it again, and no path.

The text is the chunk `diptych` of a PNG, the comment of a GIF, and `info["diptych"]` of what `generate` returns. All
records have `version` (of the format), `seed`, `options` (all of the family's), `checkpoint` (a digest of the weights),
`run` (its name), `diptych` (its version) and, where something was done to the image, `finish`
(`diptych.runs.images.finish`). Files of before have no `run`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self, get_type_hints

from PIL import Image, PngImagePlugin

from diptych.config.components import converted, fits
from diptych.config.errors import UserError
from diptych.data.picture_limits import read_picture
from diptych.data.pictures import decoders_silent, opened_picture
from diptych.runs.images.parameters import parameters_line

KEY, PARAMETERS = "diptych", "parameters"
VERSION = 1
SILENT = ("run", "finish", "batch", "latents", "best_of")
"""What a record leaves out where it is empty."""
NEEDED = ("sentence", "noise_key", "seed", "index", "options", "checkpoint")
"""Without these, an image of a sentence cannot be made again."""


def own_version() -> str:
    """The version of diptych that is installed."""
    try:
        return version("diptych")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, kw_only=True)
class Record:
    """What all images of a run know of themselves."""

    seed: int
    options: Mapping[str, Any]
    checkpoint: str
    run: str = ""
    diptych: str = field(default_factory=own_version)
    finish: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values with the format's `version`; what says nothing is left out."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        said = {name: value for name, value in values.items() if value or name not in SILENT}
        return {"version": VERSION, **{n: list(v) if isinstance(v, tuple) else v for n, v in said.items()}}

    def to_json(self) -> str:
        """The text that files carry."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class ImageRecord(Record):
    """What an image of a sentence knows of itself; the sentence of a run without is empty.

    `index` is its number among those of its sentence. `batch` is its place among the images that were computed with it,
    and their number, on which rounding depends. `latents` is a digest of those that were given. `best_of` says among
    how many it was chosen, by what, and its score.
    """

    sentence: str
    noise_key: str
    index: int
    batch: tuple[int, int] | None = None
    latents: str = ""
    best_of: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The record of plain values; a ValueError says why they are none. Keys that are not known are passed over."""
        found = values.get("version")
        if not isinstance(found, int) or found < 1:
            raise ValueError("it has no version")
        if found > VERSION:
            raise ValueError(f"it is of version {found}, and this diptych reads up to {VERSION}: take a newer one")
        hints, known = get_type_hints(cls), [one.name for one in fields(cls) if one.name in values]
        if lacking := [name for name in NEEDED if name not in known]:
            raise ValueError(f"it says no {lacking[0]}: it is of another kind of image")
        for name in known:
            if not _fits(values[name], hints[name]):
                raise ValueError(f"its {name} is {values[name]!r}")
        told: dict[str, Any] = {"diptych": "unknown"}
        return cls(**told | {name: converted(values[name], hints[name]) for name in known})


@dataclass(frozen=True, kw_only=True)
class WalkRecord(Record):
    """What an image of a walk knows: `stops` are (sentence, noise key, index), `frames` those between two of them."""

    stops: tuple[list[Any], ...]
    frame: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class EditRecord(Record):
    """What an image of a picture's own noise knows: a digest of that picture's pixels, and what it shows."""

    sentence: str
    inverted: str
    shows: str


def record_of(source: Image.Image | Path | str | bytes) -> ImageRecord:
    """How an image of a sentence was made: one that `generate` returned, or its PNG as a path or bytes.

    A UserError says why it cannot be told.
    """
    name = str(source) if isinstance(source, str | Path) else "this image"
    if isinstance(source, str | Path) and not Path(source).is_file():
        raise UserError(f"there is no file {source}")
    try:
        text = record_in(source) if isinstance(source, Image.Image) else _text_in(source)
    except Exception as error:  # it may be anybody's file, for which decoders raise anything
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise UserError(f"{name} cannot be read as a picture ({reason})") from None
    if text is None:
        raise UserError(
            f"{name} has no record of diptych: it was made by something else, or saved again by a program that drops "
            "what a PNG says of itself"
        )
    try:
        values = json.loads(text)
        return ImageRecord.from_dict(values if isinstance(values, dict) else {})
    except (ValueError, RecursionError) as error:
        damaged = isinstance(error, json.JSONDecodeError | RecursionError)
        raise UserError(f"{name}: its record cannot be used: {'it is damaged' if damaged else error}") from None


def save_png(picture: Image.Image, file: Path) -> None:
    """Write the image with its record, if it has one, as the chunks `diptych` and `parameters` (as other tools do)."""
    chunks = PngImagePlugin.PngInfo()
    if KEY in picture.info:
        text = str(picture.info[KEY])
        chunks.add_itxt(KEY, text)
        if line := parameters_line(json.loads(text), picture.size):
            chunks.add_text(PARAMETERS, line)
    picture.save(file, pnginfo=chunks)


def read_record(file: Path) -> dict[str, Any] | None:
    """The record of any kind inside a PNG or GIF, as plain values; None where there is none."""
    with Image.open(file) as picture:
        text = record_in(picture)
    return None if text is None else json.loads(text)


def record_in(picture: Image.Image) -> str | None:
    """The record's text in an opened PNG or GIF."""
    comment = picture.info.get("comment")
    return picture.info.get(KEY, comment.decode(errors="replace") if isinstance(comment, bytes) else None)


def _text_in(source: Path | str | bytes) -> str | None:
    content = source if isinstance(source, bytes) else read_picture(Path(source))
    with decoders_silent(), opened_picture(content) as picture:
        return record_in(picture)


def _fits(value: Any, kind: Any) -> bool:
    if kind == tuple[int, int] | None:
        return value is None or (isinstance(value, list) and [type(one) for one in value] == [int, int])
    return isinstance(value, Mapping) if kind == Mapping[str, Any] else fits(value, kind)
