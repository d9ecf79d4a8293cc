"""Ways in which files of data are broken, or only unusual: how each is made, and what is said of it.

A new way is one line of `WAYS`: the file, its bytes (None: `place` makes it, or nobody), the kind of problem or note
that a check finds, and its caption.
"""

import io
import json
import os
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from diptych.data.caption_files.faults import NOTES

GOOD = "good"
"""In place of a kind: nothing is said of it."""


@dataclass(frozen=True)
class Way:
    """`place` makes what is no run of bytes, such as a link; `row` is the line of the captions, if it is no plain one.

    What has bytes and a plain line is the same in a shard.
    """

    file: str
    content: Callable[[], bytes] | None
    kind: str
    caption: str = "a broken picture"
    row: str = ""
    place: Callable[[Path], None] | None = None

    def __str__(self) -> str:
        return self.file

    @property
    def line(self) -> str:
        """Of the captions."""
        return self.row or json.dumps({"file_name": self.file, "text": self.caption})

    @property
    def is_good(self) -> bool:
        """Whether training takes it."""
        return self.kind == GOOD or self.kind in NOTES

    @property
    def is_named_by_line(self) -> bool:
        """Whether the fault is one of the captions."""
        return self.kind in ("broken_text", "duplicate_ids", "empty_captions", "malformed_lines", "swallowed_rows")

    @property
    def fits_in_a_shard(self) -> bool:
        """Whether the same file and captions can lie in a tar file."""
        return self.content is not None and not self.row

    def write(self, folder: Path) -> None:
        """Make the file."""
        if self.content is not None:
            (folder / self.file).write_bytes(self.content())
        if self.place is not None:
            self.place(folder / self.file)


def picture(mode: str = "RGB", kind: str = "PNG", size: tuple[int, int] = (24, 20), **options: Any) -> bytes:
    """A picture of noise."""
    noise = np.random.default_rng(len(mode)).integers(0, 255, (size[1], size[0], 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(file, kind, **options)
    return file.getvalue()


def write_tar(path: Path, samples: Iterable[tuple[str, bytes, str]]) -> None:
    """A shard of pictures, each with its name, its bytes and its caption."""
    with tarfile.open(path, "w") as tar:
        for name, content, caption in samples:
            text = (f"{name.partition('.')[0]}.txt", caption.encode("utf-8", "surrogatepass"))
            for member, data in ((name, content), text):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def cut(kind: str) -> bytes:
    """Two thirds of a file."""
    whole = picture(kind=kind)
    return whole[: 2 * len(whole) // 3]


def claiming(width: int, height: int) -> bytes:
    """A small PNG whose header claims another size; its checksum is right."""
    content = bytearray(picture())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def many_passes() -> bytes:
    """A progressive JPEG of a few kilobytes that goes over its pixels a thousand times."""
    flat = io.BytesIO()
    Image.new("RGB", (1200, 1200)).save(flat, "JPEG", progressive=True)
    whole = flat.getvalue()
    last = whole[whole.rfind(b"\xff\xda") : -2]
    return whole[:-2] + 1_000 * last + whole[-2:]


def deep() -> bytes:
    """Grey of 16 bits."""
    file = io.BytesIO()
    Image.fromarray(np.full((20, 24), 300, np.uint16)).save(file, "PNG")
    return file.getvalue()


def floats() -> bytes:
    """Grey in floating point."""
    file = io.BytesIO()
    Image.fromarray(np.full((20, 24), 0.5, np.float32)).save(file, "TIFF")
    return file.getvalue()


def with_damaged_exif() -> bytes:
    """Nobody can read its EXIF, and its pixels are sound."""
    exif, whole = b"Exif\0\0XX\0*\0\0\0\x08\0\0", picture(kind="JPEG")
    return whole[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + whole[2:]


def animated() -> bytes:
    """Two frames."""
    return picture(kind="GIF", save_all=True, append_images=[Image.new("RGB", (24, 20))])


def _link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def _unreadable(path: Path) -> None:
    path.write_bytes(picture())
    path.chmod(0)


def _vast(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><title>404</title><script>alert(1)</script>"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n"
BAD = "undecodable_files"
SOUND = partial(Way, content=picture)
SCRIPT = "<script>alert('1')</script> & co"

WAYS: tuple[Way, ...] = (
    Way("cut.jpg", partial(cut, "JPEG"), BAD),
    Way("cut.png", partial(cut, "PNG"), BAD),
    Way("nothing.jpg", bytes, BAD),
    Way("text.jpg", lambda: b"not a picture at all", BAD),
    Way("page.jpg", lambda: HTML, BAD),
    Way("drawing.png", lambda: SVG, BAD),
    Way("program.jpg", lambda: POSTSCRIPT, BAD),
    Way("bomb.png", partial(claiming, 2**31 - 1, 2**31 - 1), BAD),
    Way("large.png", partial(claiming, 12_000, 12_000), BAD),
    Way("passes.jpg", many_passes, BAD),
    Way("thin.png", partial(picture, size=(3_000, 1)), GOOD),
    Way("ink.jpg", partial(picture, "CMYK", "JPEG"), "other_colour_spaces"),
    Way("deep.png", deep, "deep_pictures"),
    Way("float.tiff", floats, "deep_pictures"),
    Way("palette.png", partial(picture, "P", transparency=3), "transparent_pictures"),
    Way("moving.gif", animated, "animated_pictures"),
    Way("camera.jpg", with_damaged_exif, "damaged_exif"),
    Way("gone.jpg", None, "missing_files"),
    Way("vast.jpg", None, BAD, place=_vast),
    Way("nowhere.jpg", None, "missing_files", place=_link_to("not/there.jpg")),
    Way("loop.jpg", None, "missing_files", place=_link_to("loop.jpg")),
    Way("pipe.jpg", None, "missing_files", place=os.mkfifo),
    Way("secret.jpg", None, BAD, place=_unreadable),
    Way("../next_door.jpg", None, "outside_paths"),
    Way("/etc/hostname.jpg", None, "outside_paths"),
    Way("\x1b[2Jname.png", None, "broken_text"),
    SOUND("silent.png", kind="empty_captions", caption=" \u200b"),
    SOUND("bell.png", kind="broken_text", caption="a \7 bell"),
    SOUND("half.png", kind="broken_text", caption="half \ud83d"),
    SOUND("script.png", kind=GOOD, caption=SCRIPT),
    SOUND("one.png", kind=GOOD, row='{"file_name": "one.png", "text": "one", "id": 7}'),
    SOUND("two.png", kind="duplicate_ids", row='{"file_name": "two.png", "text": "two", "id": 7}'),
    SOUND("line.png", kind="malformed_lines", row='{"file_name": "line.png", "text": '),
    SOUND("swallow.png", kind="swallowed_rows", row='{"file_name": "swallow.png", "text": "a dog\\nscript.png,no"}'),
)
