"""Pictures that are larger than training needs, made smaller once: for data that are read many times.

A picture whose shorter side has more than twice the pixels that training asks for becomes one whose shorter side has
just that, so that a crop and its resizing still have twice of what they need. All others stay as they are.
"""

import io

from PIL import Image

from diptych.data.caption_files.rows import PICTURE_SUFFIXES
from diptych.data.pictures import decoded

QUALITY = 95
OTHER = ".jpg"


def shrunk(content: bytes, side: int | None) -> bytes:
    """The file of a picture for training at `side` pixels; as it is where it is small enough (None: always).

    It is decoded as training does: upright, in RGB, on white. A PictureError says that it cannot be. What was PNG or
    has transparency becomes PNG, all else JPEG.
    """
    if side is None:
        return content
    with Image.open(io.BytesIO(content)) as opened:
        if min(opened.size) <= 2 * side:
            return content
        is_exact = opened.format == "PNG" or opened.has_transparency_data
    picture = decoded(content, side)
    width, height = picture.size
    scale = 2 * side / min(width, height)
    smaller = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
    smaller.info.clear()  # no orientation, which has been applied, nor profiles, which training does not read
    file = io.BytesIO()
    if is_exact:
        smaller.save(file, "PNG")
    else:
        smaller.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def suffix_of(content: bytes) -> str:
    """How a file's name ends by what it is, not by what it is called."""
    with Image.open(io.BytesIO(content)) as opened:
        suffix = f".{(opened.format or '').lower()}".replace(".jpeg", ".jpg")
    return suffix if suffix in PICTURE_SUFFIXES else OTHER
