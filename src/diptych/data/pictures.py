"""Read pictures as square RGB bytes, with any orientation, palette, transparency, depth or colour space.

A file, its bytes and a PIL image become the same square, turned as the camera was held. (JPEG files are decoded at a
fraction of their resolution where that is enough, so that their pixels differ a little from those of a PIL image.)
Damaged EXIF costs a picture its orientation, not its place in the data: the pixels count, and they are sound.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Lock

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from diptych.data.picture_limits import FORMATS, drafted, read_picture, refuse_costly

VERIFY_SIDE = 32
WHOLE = 1 << 16
"""A side that no picture has: JPEG then decodes at its full resolution."""
BAND_PIXELS = 1 << 20
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
    return _square(decoded(source, size), size, rng)


def decoded(source: Path | bytes | Image.Image, size: int) -> Image.Image:
    """The whole picture upright and as RGB; a JPEG file at the smallest fraction with sides of 2 `size` or more.

    A PictureError names a picture that cannot be decoded.
    """
    try:
        return _rgb(source, size)
    except Exception as error:  # a decoder raises anything: struct.error, SyntaxError, OverflowError, MemoryError, …
        raise PictureError(f"{_name(source)} cannot be decoded: {type(error).__name__} {error}".rstrip()) from error


def is_decodable(source: Path | bytes) -> bool:
    """Whether the file decodes in training, by the same function; JPEG at an eighth of its resolution."""
    try:
        decoded(source, VERIFY_SIDE)
    except PictureError:
        return False
    return True


def as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB; transparent pixels become white, 16-bit grey keeps its upper eight bits.

    Floating-point grey is in [0, 1], else in [0, 255], else in [0, 65535], by its largest value.
    """
    if picture.mode == "F":
        scale = _scale(picture)
        return _in_bands(picture, lambda band: _from_floats(np.asarray(band), scale))
    if picture.mode.startswith("I"):
        return _in_bands(picture, lambda band: Image.fromarray((np.asarray(band) >> 8).astype(np.uint8)).convert("RGB"))
    if picture.has_transparency_data:
        return _in_bands(picture, _on_white)
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says; as it is where its EXIF says nothing that can be read."""
    picture.load()  # turns TIFF by itself, and takes its orientation away
    try:
        turn = UPRIGHT.get(picture.getexif().get(ORIENTATION) or 1)
    except Exception:  # the parsers of EXIF raise anything too
        return picture
    return picture if turn is None else picture.transpose(turn)


class _Silence:
    """Filters of warnings belong to the process: the first who asks for silence sets them, the last takes them back."""

    def __init__(self) -> None:
        self._lock, self._within, self._before = Lock(), 0, warnings.catch_warnings()

    def begin(self) -> None:
        with self._lock:
            if not self._within:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")
            self._within += 1

    def end(self) -> None:
        with self._lock:
            self._within -= 1
            if not self._within:
                self._before.__exit__(None, None, None)


_silence = _Silence()


@contextmanager
def decoders_silent() -> Iterator[None]:
    """Without the warnings of decoders, which name no file; in any number of threads at once, and nested."""
    _silence.begin()
    try:
        yield
    finally:
        _silence.end()


def opened_picture(content: bytes) -> Image.Image:
    """The picture in these bytes, not decoded yet; no other program is started for it, whatever it says it is."""
    return Image.open(io.BytesIO(content), formats=FORMATS)


def _rgb(source: Path | bytes | Image.Image, size: int) -> Image.Image:
    if isinstance(source, Image.Image):
        return as_rgb(upright(source))
    content = read_picture(source) if isinstance(source, Path) else source
    with opened_picture(content) as opened:
        claimed = opened.size
        is_turned = opened.format != "PNG" and _is_turned(opened)
        opened.draft("RGB", drafted(opened, size, is_turned=is_turned))  # JPEG decodes at a fraction of its resolution
        refuse_costly(opened, content, claimed, is_turned=is_turned)
        opened.load()  # of PNG, which may have EXIF behind its pixels, Pillow asks for all of them to know it
        refuse_costly(opened, content, claimed, is_turned=_is_turned(opened))
        return as_rgb(upright(opened))


def _is_turned(picture: Image.Image) -> bool:
    try:
        return picture.getexif().get(ORIENTATION) in UPRIGHT
    except Exception:  # the parsers of EXIF raise anything
        return False


def _in_bands(picture: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """The picture converted a few rows at a time, so that a large one has no more than two whole copies."""
    rows = max(1, BAND_PIXELS // picture.width)
    if picture.height <= rows:
        return convert(picture)
    whole = Image.new("RGB", picture.size)
    for band, top in _bands(picture, rows):
        whole.paste(convert(band), (0, top))
    return whole


def _bands(picture: Image.Image, rows: int) -> Iterator[tuple[Image.Image, int]]:
    for top in range(0, picture.height, rows):
        yield picture.crop((0, top, picture.width, min(picture.height, top + rows))), top


def _on_white(picture: Image.Image) -> Image.Image:
    layers = picture.convert("RGBA")
    canvas = Image.new("RGBA", layers.size, (*WHITE, 255))
    return Image.alpha_composite(canvas, layers).convert("RGB")


def _scale(picture: Image.Image) -> float:
    """From the floating-point values of a picture to 0..255."""
    bands = (np.asarray(band) for band, _ in _bands(picture, max(1, BAND_PIXELS // picture.width)))
    least, largest = zip(*((band.min(), band.max()) for band in bands), strict=True)  # not finite where a value is not
    if not np.isfinite([*least, *largest]).all() or min(least) < 0:
        raise ValueError("floating-point values that are negative or not finite")
    scale = next((255 / most for most in (1, 255, 65535) if max(largest) <= most), None)
    if scale is None:
        raise ValueError("floating-point values above 65535")
    return scale


def _from_floats(values: np.ndarray, scale: float) -> Image.Image:
    return Image.fromarray((values * scale).round().astype(np.uint8)).convert("RGB")


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
