"""Captions in a text file for each picture, a caption a line.

- beside the picture: NAME.txt or NAME.caption with NAME.jpg, as trainers of LoRAs and img2dataset keep them
- in a folder of their own: `text/NAME.txt` (AttnGAN and its followers), `text_c10/CLASS/NAME.txt` (Reed et al. 2016)

A picture's name comes without the suffix where the picture does not lie beside its text. Splits follow from folders
called train, val or test. Else, where no picture lies beside its text, they follow from Reed's lists of classes beside
the folder, if there are any: as in the field, the classes of trainvalclasses.txt are for training.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.data.caption_files.rows import CaptionRow, CaptionRows, Fault, without_suffix
from diptych.data.caption_files.text import short_lines, text_lines
from diptych.data.split_names import SPLIT_NAMES
from diptych.data.walk import REPEATED, Visited, entries, walk

TEXT_SUFFIXES = (".txt", ".caption")
NO_CAPTIONS = re.compile(r"(read.?me|licen[cs]e|copying|attributes|classes|labels)\b.*", re.IGNORECASE)
CLASS_LISTS = {
    "trainvalclasses.txt": "train",
    "trainclasses.txt": "train",
    "valclasses.txt": "val",
    "testclasses.txt": "test",
}
FLOWER = re.compile(r"class_\d+/(image_\d+)")
"""Reed's texts of Oxford's flowers lie in folders of classes, the flowers do not."""

ENTITY = re.compile(r"\[/EN#\d+(?:/\w+)+ ([^][]*)]")
"""A phrase that Flickr30k Entities marks in a sentence."""

BOXES = re.compile(r"\d+(\s+-?\d*\.\d+){4,}")
LOST = "\N{REPLACEMENT CHARACTER}"
"""In place of letters that somebody lost before us; AttnGAN reads it as a space, too."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text and its picture's name, both relative to the folder; a sidecar has its picture beside it."""

    file: str
    picture: str
    is_sidecar: bool


def text_folder(folder: Path) -> CaptionRows:
    """The rows of all texts below the folder, in the order of their names."""
    texts = list(_texts(folder))
    lists = () if any(text.is_sidecar for text in texts) else lists_beside(folder)
    splits = _splits_of_classes(lists)
    for text in texts:
        above, flower = text.picture.partition("/")[0], FLOWER.fullmatch(text.picture)
        split = above if above.lower() in SPLIT_NAMES else splits.get(above)
        yield from _captions(folder, text.file, flower[1] if flower else text.picture, split)


def lists_beside(folder: Path) -> list[Path]:
    """Where the lists of classes lie from which the splits of a folder of texts may follow, be they there or not."""
    return [folder.parent / file for file in CLASS_LISTS]


def has_texts(folder: Path) -> bool:
    """Whether there is a text in the folder or in one right below it."""
    return any(_is_text(file) for files in _near(folder) for file in files)


def has_sidecars(folder: Path) -> bool:
    """Whether a text lies beside a picture of the same name, in the folder or in one right below it."""
    return any(not stems_with_pictures(files).isdisjoint(_stems_of_texts(files)) for files in _near(folder))


def stems_with_pictures(files: Iterable[str]) -> set[str]:
    """The names of pictures among the files, without suffixes."""
    return set(_pictures_by_stem(files))


def _stems_of_texts(files: Iterable[str]) -> Iterator[str]:
    return (os.path.splitext(file)[0] for file in files if _is_text(file))


def _is_text(file: str) -> bool:
    return file.lower().endswith(TEXT_SUFFIXES)


def _near(folder: Path) -> Iterator[list[str]]:
    """The names of the files in the folder, and in each one right below it."""
    try:
        folders, files = entries(folder)
        yield [file.name for file in files]
        for below in folders:
            yield [file.name for file in entries(below.path)[1]]
    except OSError as error:
        raise ValueError(f"{error.filename} cannot be read: {error.strerror}") from error


def _texts(folder: Path) -> Iterator[Text]:
    for found in walk(folder):
        if isinstance(found, Visited):
            yield from _texts_in(found, Path(found.path).relative_to(folder))
        elif found.reason != REPEATED:
            raise ValueError(f"{found.path} cannot be read: {found.reason}")


def _texts_in(visited: Visited, inside: Path) -> Iterator[Text]:
    files = [entry.name for entry in visited.files]
    pictures = _pictures_by_stem(files)
    for file in files:
        stem = os.path.splitext(file)[0]
        beside = pictures.get(stem, [])
        if _is_text(file) and (beside or not NO_CAPTIONS.fullmatch(file)):
            name = beside[0] if len(beside) == 1 else stem
            yield Text((inside / file).as_posix(), (inside / name).as_posix(), bool(beside))


def _pictures_by_stem(files: Iterable[str]) -> Mapping[str, list[str]]:
    pictures: defaultdict[str, list[str]] = defaultdict(list)
    for file in files:
        stem = without_suffix(file)
        if stem != file:
            pictures[stem].append(file)
    return pictures


def _captions(folder: Path, text: str, name: str, split: str | None) -> CaptionRows:
    try:
        lines = short_lines(folder / text)
    except ValueError as error:
        yield Fault("malformed_lines", f"{text} ({error})", name)
        return
    for number, line in lines or [(1, "")]:
        caption = ENTITY.sub(r"\1", line).replace(LOST, " ")
        if BOXES.fullmatch(caption.strip()):
            yield Fault("malformed_lines", f"{text}:{number} (numbers of boxes, not a caption)", name)
        else:
            yield CaptionRow(f"{text}:{number}", name, caption, None, split)


def _splits_of_classes(lists: Iterable[Path]) -> Mapping[str, str]:
    splits: dict[str, str] = {}
    for path in lists:
        if path.is_file():
            for _, line in text_lines(path):
                splits.setdefault(line.strip(), CLASS_LISTS[path.name])
    return splits
