"""Formats in which others keep captions and that diptych does not read, each refused by its own name."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from diptych.data.caption_files.rows import PICTURE_SUFFIXES, CaptionRows

WAY_ON = 'write JSON lines instead, {"file_name": "0.jpg", "text": "a dog", "split": "train"} for each caption'
DOWNLOAD = "download the pictures first: img2dataset puts NAME.txt beside each one, which diptych reads"
BINARY = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"MATLAB 5.0": "a MATLAB file",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    **{bytes((0x80, protocol)): "a pickle" for protocol in range(2, 6)},
}
TAR = (257, b"ustar")
"""Where a tar archive says that it is one."""
MOST_LOOKED_AT = 1_000

PICKLE = ("captions.pickle", "captions.pkl")
PARALLEL_LINES = ("train.en", "train.lc.norm.tok.en", "data/task1/raw/train.en.gz", "data/task1/raw/train.en")
LAYOUTS = {
    PICKLE: "AttnGAN's folder without its captions: captions.pickle holds numbers; unzip text.zip beside it, so that "
    "there is text/NAME.txt",
    PARALLEL_LINES: f"Multi30k, whose captions and names lie in two files line by line, which is not read: {WAY_ON}",
}


def refuse_binary(path: Path, start: bytes) -> None:
    """A ValueError if the file's first bytes are those of no text."""
    place, mark = TAR
    if start[place:].startswith(mark):
        raise ValueError(f"{path} is a tar archive, which diptych does not read as captions: unpack it")
    for magic, what in BINARY.items():
        if start.startswith(magic):
            raise ValueError(f"{path} is {what}, which diptych does not read: {WAY_ON}")


def refused(what: str, way_on: str = WAY_ON) -> Callable[[Any, Path], CaptionRows]:
    """The rows of a form that is not read."""

    def rows(_content: Any, path: Path) -> CaptionRows:
        raise ValueError(f"{path} looks like {what}, which diptych does not read: {way_on}")

    return rows


def has_addresses_alone(columns: Iterable[str], names: Iterable[str]) -> bool:
    """Whether columns hold addresses of pictures, and none of the `names` of a picture's file."""
    known = set(columns)
    return not known & set(names) and any(column.endswith(("url", "urls", "uri")) for column in known)


def is_data_card(table: Any) -> bool:
    """Whether it is Hugging Face's description of a data set: dataset_info.json, dataset_infos.json, state.json."""
    parts = [table, *table.values()] if isinstance(table, Mapping) else []
    return any(isinstance(part, Mapping) and ("features" in part or "_data_files" in part) for part in parts)


def is_list_with(key: str) -> Callable[[Any], bool]:
    """Whether something is a list whose first element is an object with the key."""
    return lambda table: isinstance(table, Sequence) and any(isinstance(e, Mapping) and key in e for e in table[:1])


def has_keys(*keys: str) -> Callable[[Any], bool]:
    """Whether something is an object with all these keys."""
    return lambda table: isinstance(table, Mapping) and all(key in table for key in keys)


def layout_of(root: Path) -> str:
    """What a folder without captions looks like, as part of a message."""
    for names, what in LAYOUTS.items():
        if any((root / name).is_file() for name in names):
            return f"; it looks like {what}"
    below = islice(chain(root.glob("[!.]*/[!.]*.*"), root.glob("[!.]*/[!.]*/[!.]*.*")), MOST_LOOKED_AT)
    if any(path.suffix.lower() in PICTURE_SUFFIXES for path in below):
        return f"; if each of its folders is a class, it is data=imagefolder data.root={root}"
    return ""
