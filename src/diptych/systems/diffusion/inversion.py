"""From an image back to its noise, so that another sentence can be asked of it (DDIM inversion, arXiv:2010.02502)."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from diptych.systems.image_rngs import ImageRngs
from diptych.types import Images

SOLVER = "ddim"
"""The one whose steps are taken backwards."""
LEAST_STEPS = 4
"""With fewer, hardly anything of the image is left where its noise begins."""


class GivenNoise(ImageRngs):
    """Noise that is known, a row an image, in place of noise that is drawn; it can be had once."""

    def __init__(self, noise: Images) -> None:
        super().__init__((), seed=0, device=noise.device)
        self.noise: Images | None = noise
        self.number = len(noise)

    def __len__(self) -> int:
        return self.number

    def split(self, size: int) -> list["GivenNoise"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self.noise is not None
        return [type(self)(part) for part in self.noise.split(size)]

    def randn(self, *shape: int, truncation: float | None = None) -> Float[Tensor, "images ..."]:
        noise, self.noise = self.noise, None
        if noise is None:
            raise ValueError("this solver draws noise on the way, and only the first is given: choose solver=ddim")
        if noise.shape[1:] != shape:
            raise ValueError(f"the noise of an image is {tuple(shape)}, not {tuple(noise.shape[1:])}")
        return noise

    def rand(self, *shape: int) -> Float[Tensor, "images ..."]:
        raise ValueError("this family draws more than normal noise: an image has no noise of its own")


def check_inverts(options: Any) -> None:
    """Refuse what cannot be taken back."""
    if options.solver != SOLVER:
        raise ValueError(f"solver={options.solver}: the way back from an image is that of {SOLVER}: leave it out")
    if options.steps < LEAST_STEPS:
        raise ValueError(f"steps={options.steps}: the way back from an image takes {LEAST_STEPS} steps or more")
