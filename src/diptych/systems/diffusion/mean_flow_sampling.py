"""How a mean flow samples: in one step from noise to image, or in a few (`mean_flow.py` says how it learns)."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.diffusion.predictions import Velocity
from diptych.systems.diffusion.sampling import DenoisingSampler
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.sampling_options import SamplingOptions
from diptych.types import Images, TextFeatures

VELOCITY = Velocity()


@dataclass(frozen=True)
class MeanFlowOptions(SamplingOptions):
    """`steps` from noise to image, one by default; `guidance_scale` where the network learned with guidance (1: none).

    `ema` as of all networks that denoise.
    """

    steps: int = 1
    guidance_scale: float = 1.0
    ema: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: take one step or more")
        if not 1 <= self.guidance_scale < inf:
            raise ValueError(f"guidance_scale={self.guidance_scale:g}: give 1 (without guidance) or more")


class MeanFlowSampler(DenoisingSampler):
    """A denoiser that knows where a step ends; `times` say what else it is told."""

    mathematics: ClassVar[tuple[str, ...]] = (*DenoisingSampler.mathematics, "times")
    options: ClassVar[Any] = MeanFlowOptions
    inverts: ClassVar[bool] = False
    times: Any

    def check_options(self, options: Any) -> None:
        self._check_ema(options.ema)
        if options.guidance_scale > self.times.max_guidance_scale:
            raise ValueError(
                f"guidance_scale={options.guidance_scale:g}: this network learned with guidance up to "
                f"{self.times.max_guidance_scale:g} (times.max_guidance_scale); 1 is none"
            )

    @torch.no_grad()
    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: Any) -> Images:
        images = rngs.randn(*self.space.shape)
        guidance = images.new_full((len(images),), 1 - 1 / options.guidance_scale)
        for here, there in pairwise(self.process.grid(options.steps).to(images)):
            begins, ends = (time.expand(len(images)) for time in (here, there))
            images = images - (here - there) * self.velocity(networks["denoiser"], images, begins, ends, guidance, text)
        return self.decoded(images)

    def guess(
        self,
        denoiser: Any,
        noisy: Images,
        times: Float[Tensor, " batch"],
        text: TextFeatures | None,
        *more: Float[Tensor, " batch"],
    ) -> tuple[Tensor, Images]:
        """As of any flow; where nothing more is said, of a step of no length and without guidance."""
        told = [*more, *[torch.zeros_like(times)] * 2][: 1 + self.times.guides]
        return super().guess(denoiser, noisy, times, text, *told)

    def velocity(
        self,
        denoiser: Any,
        noisy: Images,
        begins: Float[Tensor, " batch"],
        ends: Float[Tensor, " batch"],
        guidance: Float[Tensor, " batch"],
        text: TextFeatures | None,
    ) -> Images:
        """The mean of the flow's velocity over a step, as the network guesses it; `guidance` is 1 - 1 / scale."""
        _, image = self.guess(denoiser, noisy, begins, text, begins - ends, guidance)
        level = self.process.at(begins).over(noisy)
        return VELOCITY.slope(level) * image + VELOCITY.offset(noisy, level)
