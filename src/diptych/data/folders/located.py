"""The pictures of a folder, and the file that captions name.

Names are compared as people read them, not byte by byte.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from diptych.data.caption_files.rows import PICTURE_SUFFIXES, without_suffix
from diptych.data.walk import Visited, walk


def located(folder: Path, name: str) -> str:
    """The file of this name; another way to write its accents (NFC, NFD: a Mac's) makes no other name.

    A name without the suffix of a picture is that of the one picture which has it before its suffix.
    """
    path = os.path.join(folder, name)
    if os.path.isfile(path):
        return path
    same = _alike(Path(path), _composed) or ([] if without_suffix(name) != name else _alike(Path(path), _bare))
    return str(same[0]) if len(same) == 1 else path


def near_file(path: str) -> str:
    """The one file beside a missing one whose name differs in case alone, as the end of a message."""
    near = _alike(Path(path), _folded)
    return f" (there is {near[0].name})" if len(near) == 1 else ""


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _bare(name: str) -> str:
    return without_suffix(_composed(name))


def _folded(name: str) -> str:
    return _composed(name).casefold()


def _alike(path: Path, form: Callable[[str], str]) -> list[Path]:
    """The files beside `path` whose names have the same form."""
    try:
        names = _names_by_form(path.parent, form, path.parent.stat().st_mtime_ns)
    except OSError:
        return []
    return [path.parent / name for name in names.get(form(path.name), ())]


@lru_cache(maxsize=64)
def _names_by_form(folder: Path, form: Callable[[str], str], _changed_ns: int) -> Mapping[str, Sequence[str]]:
    names: defaultdict[str, list[str]] = defaultdict(list)
    for name in os.listdir(folder):
        names[form(name)].append(name)
    return names


def pictures_in(folder: Path) -> list[Path]:
    """Every picture below the folder that `walk` visits, in the order of their names."""
    return sorted(map(Path, picture_files(folder)))


def picture_files(folder: Path) -> Iterator[str]:
    """As `pictures_in`, in no order, as text."""
    for found in walk(folder):
        if isinstance(found, Visited):
            yield from (entry.path for entry in found.files if is_picture_name(entry.name))


def is_picture_name(name: str) -> bool:
    """Whether a file's name ends as those of pictures do."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES
