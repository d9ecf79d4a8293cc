"""Convert pictures (files, their bytes, PIL images) to the pixels of networks (tensors in [-1, 1])."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from diptych.data.picture_limits import read_opened
from diptych.data.pictures import decoders_silent, is_decodable
from diptych.data.squares import read_square
from diptych.systems.image_rngs import digest_of_pixels

Picture = str | Path | bytes | io.IOBase | Image.Image | np.ndarray | Tensor
DIGEST_LENGTH = 16
GREY_WEIGHTS = (0.299, 0.587, 0.114)


def is_readable(file: Path) -> bool:
    """Whether the file exists and decodes as a picture."""
    with decoders_silent():
        return file.is_file() and is_decodable(file)


def sort_out(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Split the files into readable ones and others."""
    good = set(filter(is_readable, files))
    return [file for file in files if file in good], [file for file in files if file not in good]


def to_pixels(picture: Picture, size: int, channels: int) -> Float[Tensor, "channels size size"]:
    """Any picture with a network's size and channels: upright, the shorter side `size`, the centre cropped.

    A file that is open is read from where it stands.

    An array has bytes from 0 to 255, height first: grey, RGB or RGBA. A tensor has values in [-1, 1], channels first.
    """
    if isinstance(picture, Tensor):
        return _resized(_recoloured(picture, channels), size)
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    if isinstance(picture, io.IOBase):
        picture = read_opened(picture)
    with decoders_silent():
        pixels = read_square(Path(picture) if isinstance(picture, str) else picture, size)
    return _recoloured(pixels.float() / 127.5 - 1, channels)


def readable_pixels(pixels_of: Callable[[Path], Tensor], file: Path) -> Tensor | None:
    """The pixels of a file; None where no decoder reads it."""
    try:
        return pixels_of(file)
    except Exception:  # it may be anybody's file, for which decoders raise anything
        return None


def digest_of(pixels: Tensor) -> str:
    """A digest of what a network sees of a picture, short enough for names."""
    return digest_of_pixels(pixels)[:DIGEST_LENGTH]


def _from_array(array: np.ndarray) -> Image.Image:
    grey = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    if (
        array.dtype != np.uint8
        or not (grey.ndim == 2 or (grey.ndim == 3 and grey.shape[-1] in (3, 4)))
        or not array.size
    ):
        raise ValueError(
            f"an array of {array.dtype} with the shape {array.shape} is no picture: give bytes (uint8) of height x "
            "width x 3, or a tensor in [-1, 1]"
        )
    return Image.fromarray(np.ascontiguousarray(grey))


def _recoloured(image: Float[Tensor, "any height width"], channels: int) -> Float[Tensor, "channels height width"]:
    if len(image) == channels:
        return image
    if channels == 1:
        return (image * image.new_tensor(GREY_WEIGHTS)[:, None, None]).sum(dim=0, keepdim=True)
    return image[:1].expand(channels, -1, -1)


def _resized(image: Float[Tensor, "c height width"], size: int) -> Float[Tensor, "c size size"]:
    if image.shape[-1] == size:
        return image
    return F.interpolate(image[None], (size, size), mode="bilinear", antialias=True)[0].clamp(-1, 1)
