"""Read picture files as square RGB bytes, with any orientation, palette, transparency, 16 bits or CMYK."""

from pathlib import Path
from random import Random

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageOps
from torch import Tensor

VERIFY_SIDE = 64
WHITE = (255, 255, 255)


def read_square(path: Path, size: int, rng: Random | None = None) -> UInt8[Tensor, "3 size size"]:
    """The largest square of the picture, resized to `size`: a random crop, or the centre without `rng`."""
    with Image.open(path) as opened:
        opened.draft("RGB", (2 * size, 2 * size))  # JPEG then decodes at a fraction of its resolution
        picture = as_rgb(ImageOps.exif_transpose(opened))
    width, height = picture.size
    side = min(width, height)
    across, down = (rng.random(), rng.random()) if rng else (0.5, 0.5)
    left, top = round(across * (width - side)), round(down * (height - side))
    square = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).contiguous()


def as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB; transparent pixels become white, 16-bit grey keeps its upper eight bits."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        canvas = Image.new("RGBA", layers.size, (*WHITE, 255))
        return Image.alpha_composite(canvas, layers).convert("RGB")
    return picture.convert("RGB")


def is_decodable(path: Path) -> bool:
    """Whether the whole file decodes; JPEG at an eighth of its resolution, which still reads every byte."""
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (VERIFY_SIDE, VERIFY_SIDE))
            opened.load()
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError):
        return False
    return True
