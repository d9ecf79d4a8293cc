"""Read pictures as square RGB bytes, with any orientation, palette, transparency, 16 bits or CMYK.

A file, its bytes and a PIL image become the same square, turned as the camera was held. (JPEG files are decoded at a
fraction of their resolution where that is enough, so that their pixels differ a little from those of a PIL image.)
Damaged EXIF costs a picture its orientation, not its place in the data: the pixels count, and they are sound.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import UInt8
from PIL import Image

VERIFY_SIDE = 32
WHITE = (255, 255, 255)
ORIENTATION = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation that a camera writes down."""


class PictureError(ValueError):
    """Names a picture that cannot be decoded, and why."""


def square_bytes(
    source: Path | bytes | Image.Image, size: int, rng: Random | None = None
) -> UInt8[np.ndarray, "size size 3"]:
    """The largest square of the picture, resized to `size`: a random crop, or the centre without `rng`.

    A PictureError names a picture that cannot be decoded.
    """
    try:
        return _square(_rgb(source, size), size, rng)
    except Exception as error:  # a decoder raises anything: struct.error, SyntaxError, OverflowError, MemoryError, …
        raise PictureError(f"{_name(source)} cannot be decoded: {type(error).__name__} {error}".rstrip()) from error


def is_decodable(path: Path) -> bool:
    """Whether the file decodes in training, by the same function; JPEG at an eighth of its resolution."""
    try:
        square_bytes(path, VERIFY_SIDE)
    except PictureError:
        return False
    return True


def as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB; transparent pixels become white, 16-bit grey keeps its upper eight bits."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        canvas = Image.new("RGBA", layers.size, (*WHITE, 255))
        return Image.alpha_composite(canvas, layers).convert("RGB")
    return picture.convert("RGB")


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; as it is where its EXIF says nothing that can be read."""
    picture.load()  # turns TIFF by itself, and takes its orientation away
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION) or 1)
    except Exception:  # the parsers of EXIF raise anything too
        return picture
    return picture if turn is None else picture.transpose(turn)


@contextmanager
def decoders_silent() -> Iterator[None]:
    """Without the warnings of decoders, which name no file; not for use in threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _rgb(source: Path | bytes | Image.Image, size: int) -> Image.Image:
    if isinstance(source, Image.Image):
        return as_rgb(upright(source))
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
        opened.draft("RGB", (2 * size, 2 * size))  # JPEG then decodes at a fraction of its resolution
        return as_rgb(upright(opened))


def _square(picture: Image.Image, size: int, rng: Random | None) -> UInt8[np.ndarray, "size size 3"]:
    width, height = picture.size
    side = min(width, height)
    across, down = (rng.random(), rng.random()) if rng else (0.5, 0.5)
    left, top = round(across * (width - side)), round(down * (height - side))
    square = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.array(square)


def _name(source: Path | bytes | Image.Image) -> str:
    if isinstance(source, Image.Image):
        return str(getattr(source, "filename", "")) or "an image"
    return f"an image of {len(source):,} bytes" if isinstance(source, bytes) else str(source)
