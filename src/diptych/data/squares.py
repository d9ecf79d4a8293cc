"""Pictures as networks are given them: square tensors of bytes."""

from pathlib import Path
from random import Random

import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

from diptych.data.pictures import square_bytes


def read_square(
    source: Path | bytes | Image.Image, size: int, rng: Random | None = None
) -> UInt8[Tensor, "3 size size"]:
    """As `diptych.data.pictures.square_bytes`, the channels first."""
    return torch.from_numpy(square_bytes(source, size, rng)).permute(2, 0, 1).contiguous()
