"""What the captions of a folder call its pictures: captions written under these names can be held against them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from diptych.data.caption_files import CaptionRow, read_caption_file
from diptych.data.caption_files.text import printable
from diptych.data.folders.located import located
from diptych.data.folders.sources import find_sources


@dataclass(frozen=True, slots=True)
class PictureName:
    """A file name, relative to the folder of the pictures, and the id of a picture if its captions have one."""

    file_name: str
    picture_id: str | None = None

    def columns(self) -> dict[str, Any]:
        """As columns of a caption file; a whole number is a number, as COCO's tools want it."""
        if self.picture_id is None:
            return {"file_name": self.file_name}
        is_number = self.picture_id.isdecimal() and str(int(self.picture_id)) == self.picture_id
        return {"file_name": self.file_name, "image_id": int(self.picture_id) if is_number else self.picture_id}


def picture_names(given: Sequence[Path], files: Sequence[Path | str]) -> Iterator[PictureName]:
    """The name of each of `files`, which are among the files and the folders that were given.

    The name is the one in the captions of the folder, else the path below the given folder, else the path as given. So
    is a name that would stand for two pictures. Names are made as they are asked for.
    """
    folders = [path for path in given if path.is_dir()]
    seen, twice = set[int](), set[int]()
    for file in files:
        digest = hash(_name(Path(file), folders).file_name)
        (twice if digest in seen else seen).add(digest)
    for file in map(Path, files):
        name = _name(file, folders)
        yield PictureName(printable(file.as_posix())) if hash(name.file_name) in twice else name


def _name(file: Path, folders: Sequence[Path]) -> PictureName:
    root = next((folder for folder in folders if file.is_relative_to(folder)), None)
    known = _recorded(root or file.parent).get(file)
    return known or PictureName(printable((file.relative_to(root) if root else file).as_posix()))


@lru_cache(maxsize=64)
def _recorded(root: Path) -> dict[Path, PictureName]:
    """The names of pictures in the captions of a folder, by their paths; none if nothing there can be read."""
    names: dict[Path, PictureName] = {}
    try:
        for source in find_sources(root):
            rows = (row for row in read_caption_file(source.caption_file) if isinstance(row, CaptionRow) and row.file)
            for row in rows:
                path, name = Path(located(source.folder, str(row.file))), PictureName(str(row.file), row.picture_id)
                names[path] = name if names.get(path, name) == name else PictureName(name.file_name)
    except ValueError:
        return {}
    return names
