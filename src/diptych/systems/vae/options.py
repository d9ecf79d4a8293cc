"""The sampling options of a VAE."""

from dataclasses import dataclass
from math import inf

from diptych.systems.sampling_options import SamplingOptions

USUAL_STEPS = 8


@dataclass(frozen=True)
class VAEOptions(SamplingOptions):
    """`temperature` scales the latents' noise (0: the middle); `prior_steps` are those of a fitted prior (None: 8).

    A prior of 0 steps is the standard normal, whatever was fitted.
    """

    temperature: float = 1.0
    prior_steps: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < inf:
            raise ValueError(f"temperature={self.temperature}: give 0 (the middle of the latents) or more")
        if self.prior_steps is not None and self.prior_steps < 0:
            raise ValueError(f"prior_steps={self.prior_steps}: give 0 (the standard normal) or more")
