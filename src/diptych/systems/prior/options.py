"""The sampling options of priors over codes."""

from dataclasses import dataclass
from math import inf

from diptych.systems.sampling_options import SamplingOptions

USUAL_STEPS = 12


@dataclass(frozen=True)
class CodeOptions(SamplingOptions):
    """`temperature` of the codes' probabilities (0: the likeliest code), and `guidance_scale` (1: none).

    `guidance_scale` 0 is without the sentence; above 1, codes are preferred that the sentence makes likelier.
    """

    temperature: float = 1.0
    guidance_scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < inf:
            raise ValueError(f"temperature={self.temperature}: give 0 (the likeliest code) or more")
        if not 0 <= self.guidance_scale < inf:
            raise ValueError(f"guidance_scale={self.guidance_scale} must be 0 or more; 1 is without guidance")

    @property
    def guides(self) -> bool:
        """Whether there is guidance."""
        return self.guidance_scale != 1


@dataclass(frozen=True)
class AutoregressiveOptions(CodeOptions):
    """As `CodeOptions`; codes come from the fewest that hold `top_p` of the probability."""

    top_p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p} is a share of the probability: give more than 0, up to 1")
        if self.top_p < 1 and not self.temperature:
            raise ValueError(f"top_p={self.top_p} says nothing at temperature=0, which takes the likeliest code")


@dataclass(frozen=True)
class MaskedOptions(CodeOptions):
    """As `CodeOptions`; all codes are said in `steps` steps (None: 12, or as many as there are codes).

    In each step the codes stay that are likeliest. Noise of scale `order_noise` is added to their log-probabilities,
    and falls to zero towards the last step: without it, all images of a sentence begin at the same places.
    """

    steps: int | None = None
    order_noise: float = 4.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps={self.steps}: take one step or more")
        if not 0 <= self.order_noise < inf:
            raise ValueError(f"order_noise={self.order_noise}: give 0 (none) or more")

    def steps_for(self, places: int) -> int:
        """In how many steps so many codes are said."""
        return min(USUAL_STEPS, places) if self.steps is None else self.steps
