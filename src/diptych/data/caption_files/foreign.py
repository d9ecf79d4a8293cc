"""Formats in which others keep captions and that diptych does not read, each refused by its own name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WAY_ON = 'write JSON lines instead, {"file_name": "0.jpg", "text": "a dog", "split": "train"} for each caption'
BINARY = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    **{bytes((0x80, protocol)): "a pickle" for protocol in range(2, 6)},
}
FLICKR30K = ("image_name", "comment_number", "comment")
ATTNGAN = ("captions.pickle", "train/filenames.pickle", "test/filenames.pickle")


def refuse_binary(path: Path, start: bytes) -> None:
    """A ValueError if the file's first bytes are those of no text."""
    for magic, what in BINARY.items():
        if start.startswith(magic):
            raise ValueError(f"{path} is {what}, which diptych does not read: {WAY_ON}")


def refuse_columns(path: Path, columns: Sequence[str]) -> None:
    """A ValueError if a table has the columns of Flickr30k."""
    if tuple(name.strip() for name in columns) == FLICKR30K:
        raise ValueError(
            f"{path} looks like Flickr30k's results.csv (image_name| comment_number| comment), which diptych does not "
            f"read: {WAY_ON}"
        )


def refuse_document(path: Path, table: Any) -> None:
    """A ValueError if parsed JSON holds no captions, but annotations of another kind or Karpathy's splits."""
    images = table.get("images") if isinstance(table, Mapping) else None
    if isinstance(images, list) and any(isinstance(each, Mapping) and "sentences" in each for each in images[:1]):
        raise ValueError(
            f"{path} looks like a file of Karpathy's splits (images with sentences), which diptych does not read: "
            f"{WAY_ON}"
        )


def layout_of(root: Path) -> str:
    """What a folder without captions looks like, as part of a message."""
    if any((root / name).is_file() for name in ATTNGAN):
        return (
            f"; it looks like AttnGAN's folder of birds (captions.pickle, text/), which diptych does not read: {WAY_ON}"
        )
    return ""
