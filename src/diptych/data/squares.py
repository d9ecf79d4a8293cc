"""Pictures as networks are given them: square tensors of bytes, with captions drawn by number."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from diptych.data.example import Example, choose_captions, keyed_rng
from diptych.data.pictures import decoders_silent, square_bytes


def read_square(
    source: Path | bytes | Image.Image, size: int, rng: Random | None = None
) -> UInt8[Tensor, "3 size size"]:
    """As `diptych.data.pictures.square_bytes`, the channels first."""
    return torch.from_numpy(square_bytes(source, size, rng)).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Squares:
    """Pictures with captions as examples: the same picture under the same key is the same example wherever it lies."""

    image_size: int
    random_crop: bool
    captions_per_image: int
    seed: int

    def example(self, key: str, references: tuple[str, ...], source: Path | bytes, draw: int | None) -> Example:
        """The example of a draw (None: of evaluation); a PictureError names what cannot be decoded."""
        rng = self._rng(key, draw)
        crops = self.random_crop and draw is not None
        with decoders_silent():
            image = read_square(source, self.image_size, rng if crops else None)
        return Example(key, choose_captions(references, self.captions_per_image, rng), references, image)

    def without_picture(self, key: str, references: tuple[str, ...], draw: int | None) -> Example:
        """The same example without its picture, where pictures are not cropped at random."""
        assert not self.random_crop, "a random crop is drawn before the captions"
        return Example(key, choose_captions(references, self.captions_per_image, self._rng(key, draw)), references)

    def _rng(self, key: str, draw: int | None) -> Random:
        return keyed_rng(self.seed, "folder", draw) if draw is not None else keyed_rng(key)
