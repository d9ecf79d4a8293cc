"""The sampling options of networks that denoise."""

from dataclasses import dataclass
from math import inf

from diptych.diffusion.solvers import SOLVERS
from diptych.systems.sampling_options import SamplingOptions

EVERYWHERE = (0.0, 1.0)


@dataclass(frozen=True)
class DiffusionOptions(SamplingOptions):
    """`steps` and `solver` (ddim, ddpm, euler, heun, dpm_solver) from noise to the image, and what guides them.

    `guidance_scale` 1 is without guidance, 0 without the sentence; above 1 each step moves away from what the network
    would make without a sentence, or of the sentence `negative`, while the share of noise is in `guidance_interval`.
    `ema` is the length of the averages of weights, between those that the run keeps (None: the first, 0: none).
    """

    steps: int = 20
    solver: str = "dpm_solver"
    guidance_scale: float = 1.0
    guidance_interval: tuple[float, float] = EVERYWHERE
    negative: str = ""
    ema: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps={self.steps}: take one step or more")
        if self.solver not in SOLVERS:
            raise ValueError(f"solver={self.solver}: there are {', '.join(SOLVERS)}")
        if not 0 <= self.guidance_scale < inf:
            raise ValueError(f"guidance_scale={self.guidance_scale} must be 0 or more; 1 is without guidance")
        if len(self.guidance_interval) != 2 or not 0 <= self.guidance_interval[0] < self.guidance_interval[1] <= 1:
            raise ValueError(
                f"guidance_interval={list(self.guidance_interval)}: give two shares of noise, such as [0.3,1]"
            )
        if not self.guides and (self.negative or tuple(self.guidance_interval) != EVERYWHERE):
            raise ValueError("negative and guidance_interval say nothing at guidance_scale=1: give it another value")

    @property
    def sentences(self) -> tuple[str, ...]:
        return (self.negative,) if self.negative else ()

    @property
    def guides(self) -> bool:
        """Whether there is guidance."""
        return self.guidance_scale != 1
