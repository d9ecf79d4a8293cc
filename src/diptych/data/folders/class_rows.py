"""Class folders as rows: each picture below `root/CLASS` or `root/train/CLASS` is captioned by its class's folder.

Pictures in folders below a class folder belong to it. Links and hidden names are those of `diptych.data.walk`.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from diptych.data.caption_files import CaptionRow, Fault
from diptych.data.caption_files.rows import PICTURE_SUFFIXES, CaptionRows
from diptych.data.caption_files.text import fault_of
from diptych.data.split_names import SPLIT_NAMES
from diptych.data.walk import Entries, Unread, entries, holds, walk

LAYOUT = "class folders are data.root/CLASS/…, or data.root/train/CLASS/… with val and test beside train"


@dataclass(frozen=True)
class ClassSource:
    """One class folder, and its split (None if unknown)."""

    path: Path
    split: str | None

    @property
    def name(self) -> str:
        """The folder's name with composed accents (NFC)."""
        return unicodedata.normalize("NFC", self.path.name)


def find_classes(root: Path) -> list[ClassSource]:
    """The class folders of `root`, by split if it has splits; a ValueError says what is expected."""
    if not root.is_dir():
        raise ValueError(f"data.root={root} is not a folder")
    splits = _split_folders(root)
    if splits:
        return [ClassSource(path, _split_of(split)) for split in splits for path in folders_in(split)]
    classes = [ClassSource(path, None) for path in folders_in(root)]
    if not classes:
        raise ValueError(f"data.root={root} has no folders: {LAYOUT}; pictures with a file of captions are data=folder")
    if len(classes) == 1 and not any(holds(entry.is_file) for entry in _entries(classes[0].path)[1]):
        raise ValueError(f"data.root={root} has one folder, which holds folders alone: set data.root={classes[0].path}")
    return classes


def rows_of(root: Path, classes: Iterable[ClassSource]) -> CaptionRows:
    """A row of each picture, its class's folder in the place of a caption, and the faults."""
    for source in classes:
        is_empty = True
        for row in _rows_of_class(root, source):
            is_empty = is_empty and not isinstance(row, CaptionRow)
            yield row
        if is_empty:
            yield Fault("empty_classes", source.path.relative_to(root).as_posix())


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder that are not hidden, in the order of their names."""
    return [Path(entry.path) for entry in _entries(folder)[0]]


def _split_folders(root: Path) -> list[Path]:
    """The folders that are called as splits and hold folders; a class may be called train as well."""
    folders = folders_in(root)
    splits = [path for path in folders if _split_of(path) and folders_in(path)]
    has_train = any(_split_of(path) == "train" for path in splits)
    return splits if has_train or len(splits) == len(folders) else []


def _split_of(folder: Path) -> str | None:
    return SPLIT_NAMES.get(folder.name.lower())


def _entries(folder: Path) -> tuple[Entries, Entries]:
    try:
        return entries(folder)
    except OSError as error:
        raise ValueError(f"data.root: {folder} cannot be read ({error.strerror})") from error


def _rows_of_class(root: Path, source: ClassSource) -> CaptionRows:
    for entry in _below(source.path, root):
        yield entry if isinstance(entry, Fault) else _row(entry, root, source)


def _row(entry: os.DirEntry[str], root: Path, source: ClassSource) -> CaptionRow | Fault:
    path = Path(entry.path)
    file = unicodedata.normalize("NFC", path.relative_to(root).as_posix())
    reason = fault_of(file)
    if reason:
        return Fault("broken_text", f"{file} (its name {reason})", file)
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        return Fault("other_files", file)
    if not holds(entry.is_file):
        return Fault("undecodable_files", f"{file} (no file, or a link to none)", file)
    return CaptionRow(file, file, source.name, None, source.split)


def _below(folder: Path, root: Path) -> Iterator[os.DirEntry[str] | Fault]:
    """Every file below a folder, and the folders that are not read."""
    for found in walk(folder):
        if isinstance(found, Unread):
            yield Fault("unreadable_folders", f"{Path(found.path).relative_to(root).as_posix()} ({found.reason})")
        else:
            yield from found.files
