"""What a picture's file says of itself: whether it decodes, its size and kind, and how it looks.

A file is read once for all of it. It decodes by the function of training.
"""

import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import PIL
from PIL import Image

from diptych.data.caption_files.faults import NOTES
from diptych.data.membership import DIGITS, digest_of
from diptych.data.picture_limits import read_picture
from diptych.data.pictures import ORIENTATION, VERIFY_SIDE, PictureError, decoded, opened_picture

THUMBNAIL = 4
"""Pixels along the side of the thumbnail that stands beside the 64 differences of a look."""
HEXADECIMAL = re.compile("[0-9a-f]*")
LOOK_DIGITS = 2 * (8 + 3 * THUMBNAIL**2)


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """The facts of one file of `size` bytes that was changed at `mtime_ns`.

    `digest` is that of its content (as `membership.Identity`'s). `notes` are kinds of `faults.NOTES`. `look` is
    the perceptual hash of `look_of`. Where this `decoder` does not decode the file, `fault` says why, and the rest is
    empty. A fault that may pass has no time of change.
    """

    size: int
    mtime_ns: int
    digest: str
    width: int = 0
    height: int = 0
    notes: tuple[str, ...] = ()
    look: str = ""
    fault: str = ""
    decoder: str = PIL.__version__

    @property
    def is_lasting(self) -> bool:
        """Whether they hold until the file changes, or another decoder tries again."""
        return self.mtime_ns != 0

    def holds(self, size: int, mtime_ns: int) -> bool:
        """Whether they are those of a file that now has this size and time of change."""
        is_known = (self.size, self.mtime_ns) == (size, mtime_ns)
        return is_known and (not self.fault or self.decoder == PIL.__version__)

    def to_row(self) -> list[Any]:
        """As JSON has it."""
        return [*astuple(self)]

    @classmethod
    def from_row(cls, row: list[Any]) -> Self:
        """The inverse of `to_row`; a ValueError where the row is none."""
        if len(row) != len(fields(cls)):
            raise ValueError(f"a row of {len(row)} values")
        size, mtime_ns, digest, width, height, notes, look, fault, decoder = row
        if not all(type(number) is int for number in (size, mtime_ns, width, height)) or min(size, width, height) < 0:
            raise ValueError("numbers that are none")
        digits = (0, 0) if fault else (DIGITS, LOOK_DIGITS)
        if not all(map(_is_hexadecimal, (digest, look), digits)):
            raise ValueError("digests that are none")
        if not isinstance(fault, str) or not isinstance(notes, list) or any(note not in NOTES for note in notes):
            raise ValueError("a fault or notes that are none")
        return cls(size, mtime_ns, digest, width, height, tuple(notes), look, fault, str(decoder))


def facts_of(path: Path) -> PictureFacts:
    """Read and decode a file; one that cannot be read has a fault."""
    size = mtime_ns = 0
    try:
        state = path.stat()
        size, mtime_ns = state.st_size, state.st_mtime_ns
        return facts_of_content(read_picture(path), mtime_ns)
    except ValueError as error:
        return PictureFacts(size, mtime_ns, "", fault=str(error))
    except (OSError, MemoryError) as error:  # it may pass, so that the file is looked at again
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return PictureFacts(size, 0, "", fault=f"it cannot be read: {reason}")


def facts_of_content(content: bytes, mtime_ns: int = 0) -> PictureFacts:
    """As `facts_of`, of the bytes of a file; a MemoryError says nothing of them."""
    digest = digest_of(content)
    try:
        look = look_of(decoded(content, VERIFY_SIDE))  # first, because it refuses what would take too much memory
        width, height, notes = _header(content)
    except Exception as error:  # the parsers of headers raise anything
        cause = error.__cause__ if isinstance(error, PictureError) and error.__cause__ else error
        if isinstance(cause, MemoryError):
            raise cause from error
        return PictureFacts(len(content), mtime_ns, digest, fault=f"{type(cause).__name__} {cause}".strip())
    return PictureFacts(len(content), mtime_ns, digest, width, height, notes, look)


def look_of(picture: Image.Image) -> str:
    """A perceptual hash in hexadecimal: 64 signs of differences between neighbours (dHash), then a thumbnail in RGB."""
    grey = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    signs = np.packbits(grey[:, 1:] > grey[:, :-1])
    thumbnail = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return signs.tobytes().hex() + thumbnail.tobytes().hex()


def _header(content: bytes) -> tuple[int, int, tuple[str, ...]]:
    """Width, height and notes of a picture that decodes."""
    with opened_picture(content) as opened:
        notes = {
            "transparent_pictures": opened.has_transparency_data,
            "deep_pictures": opened.mode == "F" or opened.mode.startswith("I"),
            "other_colour_spaces": opened.mode in ("CMYK", "YCbCr", "LAB", "HSV"),
            "animated_pictures": _is_animated(opened),
            **_orientation(opened),
        }
        return opened.width, opened.height, tuple(kind for kind, holds in notes.items() if holds)


def _is_animated(opened: Image.Image) -> bool:
    """Whether something follows the first frame, be it damaged."""
    try:
        return bool(getattr(opened, "is_animated", False))
    except Exception:  # Pillow reads on to the second frame
        return True


def _orientation(opened: Image.Image) -> dict[str, bool]:
    try:
        return {"turned_pictures": (_exif(opened).get(ORIENTATION) or 1) != 1}
    except Exception:  # the parsers of EXIF raise anything
        return {"damaged_exif": True}


def _exif(opened: Image.Image) -> Image.Exif:
    """Read anew where it is a block: of what failed before, Pillow says that there is nothing."""
    block = opened.info.get("exif")
    if not isinstance(block, bytes):
        return opened.getexif()
    exif = Image.Exif()
    exif.load(block)
    return exif


def _is_hexadecimal(value: Any, digits: int) -> bool:
    """Whether it is text of so many digits; with 0, of any number of them."""
    return isinstance(value, str) and len(value) in (digits or len(value),) and bool(HEXADECIMAL.fullmatch(value))
