"""A step of a denoiser: what is drawn for it, what the network makes of that, and what a term may see of it."""

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor

from diptych.diffusion.processes import Level
from diptych.systems.pairing import Prompts
from diptych.systems.terms.steps import ImageStep
from diptych.types import Images


class Drawn(NamedTuple):
    """Real images and all that is drawn for them; it can be computed in parts.

    `captioned` is the share of the joint batch that has captions, the same for every image. `more` are a subclass's own
    uniform numbers, a row an image.
    """

    images: Images
    prompts: Prompts | None
    noise: Images
    shares: Float[Tensor, " batch"]
    dropped: Bool[Tensor, " batch"]
    captioned: Float[Tensor, " batch"]
    more: Float[Tensor, "batch more"] | None = None


class Learned(NamedTuple):
    """What the network is wrong by, and the clean images that it means, in the units of the process.

    `error_weight` is what a squared error of the clean image weighs in the loss. `counts` says for which images that is
    a guess of the clean image, and `share` how many those are in expectation.
    """

    loss: Float[Tensor, " batch"]
    image: Images
    noisy: Images
    level: Level
    times: Float[Tensor, " batch"]
    error_weight: Float[Tensor, " batch"]
    counts: Bool[Tensor, " batch"]
    share: float = 1.0


@dataclass(frozen=True)
class DenoisingStep(ImageStep):
    """`fake` is the clean image that the network guesses, in [-1, 1] but for what it gets wrong.

    In latents it is decoded only where a term looks at images, and the real one elsewhere.

    `noisy` is what it saw, `noise` what was mixed in at `level`; both are in the units of the process, whose images
    have variance 1: those in [-1, 1], or their latents, divided by `image_std`. So are `clean`, the real images, and
    `guess`, what the network guesses of them. A squared error of the clean image, in these units, weighs `error_weight`
    in the system's own loss. `has_sentence` is false where the network was told none.
    """

    clean: Images
    guess: Images
    noisy: Images
    noise: Images
    level: Level
    times: Float[Tensor, " batch"]
    image_std: Float[Tensor, ""]
    error_weight: Float[Tensor, " batch"]
    has_sentence: Bool[Tensor, " batch"]
