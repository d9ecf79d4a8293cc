"""What a term may see of a denoiser's step."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from diptych.diffusion.processes import Level
from diptych.systems.terms.steps import ImageStep
from diptych.types import Images


@dataclass(frozen=True)
class DenoisingStep(ImageStep):
    """`fake` is the clean image that the network guesses, in [-1, 1] but for what it gets wrong.

    `noisy` is what it saw, `noise` what was mixed in at `level`; both are in the units of the process, whose images
    have variance 1.
    """

    noisy: Images
    noise: Images
    level: Level
    times: Float[Tensor, " batch"]
