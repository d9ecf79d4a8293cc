"""What class folders are called in sentences: by a file of names, else by the folders themselves.

A file of names is JSON, an object from folders to a name or a list of names; CSV, the folder first; or lines of a
folder and its names, such as ImageNet's `n01440764 tench, Tinca tinca`. Names within a line are separated by commas.
What the file says of other folders is nobody's concern: WordNet's list has eighty thousand.
"""

import csv
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from diptych.data.caption_files import read_json, text_lines
from diptych.data.caption_files.rows import brief
from diptych.data.caption_files.text import read_start
from diptych.data.phrasings import sentences

Names = tuple[str, ...]
CSV_SEPARATORS = (",", ";")


@dataclass(frozen=True)
class ClassNames:
    """The names of each class by its folder, and the phrasings that they stand in."""

    names: Mapping[str, Names]
    phrasings: Sequence[str]

    @cached_property
    def labels(self) -> dict[str, str]:
        """The first name of each class; with its folder where two classes have the same one."""
        count = Counter(names[0] for names in self.names.values())
        return {
            folder: names[0] if count[names[0]] == 1 else f"{names[0]} ({folder})"
            for folder, names in self.names.items()
        }

    @cached_property
    def captions(self) -> dict[str, tuple[str, ...]]:
        """All that is said of a picture of each class."""
        return {folder: sentences(names, self.phrasings) for folder, names in self.names.items()}

    @property
    def called_alike(self) -> list[str]:
        """The labels of classes that share a name, so that a sentence cannot tell them apart."""
        count = Counter(name for names in self.names.values() for name in names)
        return [self.labels[folder] for folder, names in self.names.items() if any(count[name] > 1 for name in names)]


def names_of_folders(folders: Iterable[str]) -> dict[str, Names]:
    """Each folder's own name with spaces for _ and -; none where nothing is left of it."""
    spaced = {folder: " ".join(folder.replace("_", " ").replace("-", " ").split()) for folder in folders}
    return {folder: (name,) if name else () for folder, name in spaced.items()}


def read_class_names(path: Path, folders: Collection[str]) -> dict[str, Names]:
    """The names that the file has for these folders; none of those that it does not name.

    A ValueError names the file and its fault.
    """
    if not path.is_file():
        raise ValueError(f"data.classes={path} is no file: name one with a folder and its names in each line, or null")
    found = _of_json(path) if read_start(path).lstrip()[:1] in ("{", "[") else _of_lines(path)
    names: dict[str, dict[str, None]] = {folder: {} for folder in folders}
    for folder, called in found:
        own = unicodedata.normalize("NFC", folder)
        if own in names:
            names[own].update(dict.fromkeys(called))
    return {folder: tuple(called) for folder, called in names.items()}


def _of_json(path: Path) -> Iterator[tuple[str, Names]]:
    table = read_json(path)
    if not isinstance(table, Mapping):
        raise ValueError(f"data.classes={path} is no object from folders to names, but {brief(table)}")
    for folder, called in table.items():
        if isinstance(called, str):
            yield folder, _apart(called)
        elif isinstance(called, list) and all(isinstance(name, str) for name in called):
            yield folder, tuple(filter(None, map(_tidy, called)))
        else:
            raise ValueError(
                f"data.classes={path}: under {brief(folder)} there is {brief(called)}, neither a name nor a list of "
                "names"
            )


def _of_lines(path: Path) -> Iterator[tuple[str, Names]]:
    separator = None
    for number, line in text_lines(path):
        separator = separator or _separator(line, path)
        try:
            folder, *cells = _cells(line, separator)
        except csv.Error as error:
            raise ValueError(f"data.classes={path}: line {number} cannot be read ({error})") from error
        yield folder.strip(), tuple(name for cell in cells for name in _apart(cell))


def _separator(line: str, path: Path) -> str:
    """What separates a folder from its names: a tab, the comma of a table, or white space."""
    if "\t" in line:
        return "\t"
    head = line if path.suffix.lower() == ".csv" else line.split()[0]
    return min((mark for mark in CSV_SEPARATORS if mark in head), key=head.index, default=" ")


def _cells(line: str, separator: str) -> list[str]:
    if separator in CSV_SEPARATORS:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True))
    return line.strip().split(None if separator == " " else separator, maxsplit=1)


def _apart(names: str) -> Names:
    return tuple(filter(None, map(_tidy, names.split(","))))


def _tidy(name: str) -> str:
    return " ".join(name.split())
