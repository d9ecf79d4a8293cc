"""One step from noise to image: mean flow (Geng et al. 2025, arXiv:2505.13447).

The network is told two times and says the average velocity between them, so that z_r = z_t - (t - r) u(z_t, r, t), and
one step from 1 to 0 is the image. What it learns from is an identity of averages: u = v - (t - r) du/dt, where v is the
velocity at t and the derivative goes along the flow. It is a Jacobian-vector product, and no gradient goes through the
right-hand side. At r = t this is flow matching.

What the network outputs is a prediction as in all flows: with `prediction=image` (as arXiv:2601.22158) it says the
image at the end of the straight line that the average velocity means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from diptych.diffusion.predictions import Velocity
from diptych.diffusion.processes import RectifiedFlow
from diptych.diffusion.times import LogitNormalPairs
from diptych.systems.devices import draw_uniform
from diptych.systems.diffusion.system import Diffusion, Drawn, Learned, at_least_float32
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.pairing import Prompts
from diptych.systems.text_to_image import SamplingOptions
from diptych.types import Images, TextFeatures

LEAST_TIME = 0.05
"""Below it, an image means the velocity that it would mean at this time, so that errors do not grow without bound."""


@dataclass(frozen=True)
class MeanFlowOptions(SamplingOptions):
    """`steps` from noise to image, one by default; `ema` as of all networks that denoise."""

    steps: int = 1
    ema: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: take one step or more")


class MeanFlow(Diffusion):
    """A flow whose network knows where a step ends; `times` are pairs. Validation takes one step."""

    options = MeanFlowOptions
    times: Any

    def check_built(self) -> None:
        if not isinstance(self.process, RectifiedFlow):
            name = type(self.process).__name__
            raise ValueError(f"system=mean_flow goes along straight lines, not {name}'s: choose process=rectified_flow")
        if not isinstance(self.times, LogitNormalPairs):
            raise ValueError(
                f"system=mean_flow learns of two times, not of {type(self.times).__name__}'s one: choose "
                "times=logit_normal_pairs"
            )
        if getattr(self.denoiser, "num_levels", 2) != 2:
            raise ValueError("denoiser.num_levels=1: system=mean_flow tells it two times, so set denoiser.num_levels=2")
        self.validation_options = MeanFlowOptions()

    def check_options(self, options: Any) -> None:
        self._check_ema(options.ema)

    @torch.no_grad()
    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: Any) -> Images:
        images = rngs.randn(self.data_spec.image_channels, self.data_spec.image_size, self.data_spec.image_size)
        for here, there in pairwise(self.process.grid(options.steps).to(images)):
            times = torch.stack([here, there]).expand(len(images), 2)
            velocity = self.average_velocity(networks["denoiser"], images, times[:, 0], times[:, 1], text)
            images = images - (here - there) * velocity
        return (images * self.image_std).clamp(-1, 1)

    def guess(
        self, denoiser: Any, noisy: Images, times: Float[Tensor, " batch"], text: TextFeatures | None
    ) -> tuple[Tensor, Images]:
        """As of any flow: what the network says of a step of no length."""
        output = self._output(denoiser, noisy, times, times, text)
        return output, self.prediction.image(output, noisy, self.process.at(times).over(noisy))

    def average_velocity(
        self,
        denoiser: Any,
        noisy: Images,
        times: Float[Tensor, " batch"],
        ends: Float[Tensor, " batch"],
        text: TextFeatures | None,
    ) -> Images:
        """The mean of the flow's velocity from `times` down to `ends`, as the network guesses it."""
        output = self._output(denoiser, noisy, times, ends, text)
        image = self.prediction.image(output, noisy, self.process.at(times).over(noisy))
        level = self.process.at(times.clamp_min(LEAST_TIME)).over(noisy)
        return Velocity().slope(level) * image + Velocity().offset(noisy, level)

    def _output(
        self,
        denoiser: Any,
        noisy: Images,
        times: Float[Tensor, " batch"],
        ends: Float[Tensor, " batch"],
        text: TextFeatures | None,
    ) -> Tensor:
        return at_least_float32(denoiser(noisy, [times, times - ends], text))

    def _draw(self, images: Images, prompts: Prompts | None) -> Drawn:
        drawn = super()._draw(images, prompts)
        return drawn._replace(more=draw_uniform(len(images), 2, rng=self.rng).to(images.device))

    def _learned(self, drawn: Drawn, real: Images, text: TextFeatures | None) -> Learned:
        assert drawn.more is not None
        times, ends, equal = self.times.pairs(drawn.shares, drawn.more, self.process)
        level = self.process.at(times).over(real)
        noisy, velocity = level.noisy(real, drawn.noise), drawn.noise - real
        mean, slope = self._with_slope(noisy, velocity, times, ends, text)
        target = velocity - (times - ends).view(-1, 1, 1, 1) * slope
        error = (mean - target.detach()).square().flatten(1).mean(1)
        image = noisy - level.sigma * mean
        return Learned(self.weighted(error), image, noisy, level, times, equal, self.times.equal_share)

    def _with_slope(
        self,
        noisy: Images,
        velocity: Images,
        times: Float[Tensor, " batch"],
        ends: Float[Tensor, " batch"],
        text: TextFeatures | None,
    ) -> tuple[Images, Images]:
        """The average velocity, and its derivative by time along the flow, while the end stays."""
        mean = lambda z, t: self.average_velocity(self.denoiser, z, t, ends, text)  # noqa: E731
        with sdpa_kernel(SDPBackend.MATH):  # the others have no forward derivative
            value, slope, *_ = torch.func.jvp(mean, (noisy, times), (velocity, torch.ones_like(times)))
        return value, slope
