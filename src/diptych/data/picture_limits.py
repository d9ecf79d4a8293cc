"""What a picture may ask of its decoder: a format of photographs, so many bytes, so much memory, so many passes.

A small file may claim any number of pixels, and a small JPEG file may go over all of them thousands of times. What is
refused here has not been decoded, and so has taken neither memory nor time.
"""

from math import prod
from pathlib import Path
from typing import Any

from PIL import Image

from diptych.data.caption_files.text import plain_file

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "AVIF")
"""Pillow reads forty others, most of them for nobody, and PostScript by starting another program."""

MOST_PICTURE_BYTES = 1 << 26
"""64 MiB: what is larger is no picture that anybody trains on, and would take a worker's memory."""

MOST_DECODED_BYTES = 184_000_000
"""Of all copies that decoding and conversion hold at the same time; a process stays below 200 MB with the file."""

MOST_PASSED_PIXELS = 1 << 30
"""Of a JPEG file, the pixels of all its scans together: a second."""

BYTES_A_PIXEL = {"1": 5, "L": 5, "P": 5, "RGB": 5, "I;16": 7}
MANY_BYTES = 9
"""At the worst moment on the way to RGB, which has four bytes a pixel: by mode, and of all others."""
BYTES_OF_FORMATS = {"WEBP": 9, "AVIF": 4}
"""What decoders of whole files hold besides."""
JPEG_COEFFICIENT_BYTES = 2
JPEG_SCALES = (1, 2, 4, 8)
"""By which libjpeg can make a picture smaller while it decodes it."""
START_OF_SCAN = 0xDA
WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD9), 0xFF))


def read_picture(path: Path) -> bytes:
    """The file's bytes; a ValueError if there are too many of them, or if it is a pipe, which would be waited for."""
    with plain_file(path) as file:
        return read_opened(file)


def read_opened(file: Any) -> bytes:
    """The bytes of a file that is open for reading; a ValueError if there are too many of them."""
    content = file.read(MOST_PICTURE_BYTES + 1)
    if len(content) > MOST_PICTURE_BYTES:
        raise ValueError(f"of more than {MOST_PICTURE_BYTES:,} bytes, too large for a picture; save it smaller")
    return content


def drafted(opened: Image.Image, size: int, *, is_turned: bool) -> tuple[int, int]:
    """The sides at which a JPEG file is asked for: of 2 `size` or more, or as large as may be decoded.

    So what decodes for a check, which asks for little, decodes in training.
    """
    width, height = opened.size
    needed = width * height * _bytes_a_pixel(opened, is_turned=is_turned)
    scale = next((scale for scale in JPEG_SCALES if needed <= MOST_DECODED_BYTES * scale**2), JPEG_SCALES[-1])
    return min(2 * size, width // scale), min(2 * size, height // scale)


def refuse_costly(opened: Image.Image, content: bytes, claimed: tuple[int, int], *, is_turned: bool) -> None:
    """A ValueError if decoding would cost too much; `claimed` is the size before a JPEG file was asked for less."""
    its = _bytes_a_pixel(opened, is_turned=is_turned) + BYTES_OF_FORMATS.get(opened.format or "", 0)
    needed = prod(opened.size) * its
    if opened.format in ("JPEG", "MPO"):
        passes = _passes(content)
        needed += _coefficient_bytes(opened, claimed) if passes > 1 else 0
        if passes * prod(claimed) > MOST_PASSED_PIXELS:
            raise ValueError(f"of {passes:,} passes over {_shown(claimed)} pixels, too many to decode; save it again")
    if needed > MOST_DECODED_BYTES:
        raise ValueError(f"of {_shown(claimed)} pixels, too many to decode at once; make it smaller")


def _bytes_a_pixel(opened: Image.Image, *, is_turned: bool) -> int:
    has_many = is_turned or opened.has_transparency_data
    return MANY_BYTES if has_many else BYTES_A_PIXEL.get(opened.mode, MANY_BYTES)


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _coefficient_bytes(opened: Any, size: tuple[int, int]) -> int:
    """What libjpeg keeps of a whole picture that comes in several scans, however small it is asked for."""
    samplings = [across * down for _, across, down, _ in opened.layer]
    return round(prod(size) * JPEG_COEFFICIENT_BYTES * sum(samplings) / max(1, *samplings))


def _passes(content: bytes) -> int:
    """The number of scans, at least two where the first one has not all components."""
    first = _first_scan(content)
    scans = content.count(bytes((0xFF, START_OF_SCAN)), first)
    return scans if content[first + 4 : first + 5] >= b"\x03" and b"\xff\xc2" not in content[:first] else max(2, scans)


def _first_scan(content: bytes) -> int:
    """Where the first scan begins; 0 where the way there is damaged."""
    at = 2
    while content[at : at + 1] == b"\xff" and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == START_OF_SCAN:
            return at
        at += 1 if marker == 0xFF else 2 if marker in WITHOUT_LENGTH else 2 + int.from_bytes(content[at + 2 : at + 4])
    return 0
