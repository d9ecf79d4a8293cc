"""Captions of files, a batch of pictures in memory at a time; a file that is no picture costs its own place alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from diptych.config.errors import UserError
from diptych.data.caption_files.rows import PICTURE_SUFFIXES
from diptych.data.folders.located import picture_files
from diptych.data.names import PictureName
from diptych.runs.handles.base import PICTURES_AT_ONCE
from diptych.runs.handles.captioner import ImageCaptioner
from diptych.runs.images.pictures import readable_pixels
from diptych.systems.captioning.captions import Caption

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file with its name and its caption; None where it is no readable picture."""

    file: Path
    name: PictureName
    caption: Caption | None


def picture_paths(paths: Sequence[Path]) -> list[str]:
    """The named files, and the picture files of folders, in alphabetical order: their names alone, not the pictures."""
    files: list[str] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        inside = sorted(picture_files(path)) if path.is_dir() else [str(path)]
        if not inside:
            raise UserError(f"{path}: no images in this folder (looked for {', '.join(sorted(PICTURE_SUFFIXES))})")
        files += inside
    return files


def captioned_files(
    captioner: ImageCaptioner, files: Iterable[tuple[Path, PictureName]], options: Mapping[str, Any]
) -> Iterator[list[Labelled]]:
    """The files with their captions, a batch after the other, in their order."""
    for batch in _batches(files, PICTURES_AT_ONCE):
        pixels = [readable_pixels(captioner.pixels_of, file) for file, _ in batch]
        captions = iter(captioner.captions([each for each in pixels if each is not None], **options))
        yield [
            Labelled(file, name, None if each is None else next(captions))
            for (file, name), each in zip(batch, pixels, strict=True)
        ]


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
