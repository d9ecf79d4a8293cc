"""How wrong a network's prediction is."""

from jaxtyping import Float
from torch import Tensor

from diptych.diffusion.predictions import Prediction
from diptych.diffusion.processes import Level

SMALLEST = 1e-3
"""What errors are large or small beside, so that small ones are not divided by nothing."""


def denoising_loss(
    output: Tensor,
    image: Tensor,
    target: Tensor,
    level: Level,
    measured_in: Prediction | None = None,
    max_weight: float = float("inf"),
) -> Float[Tensor, " batch"]:
    """The mean squared error of each example.

    Without `measured_in`, of the output, whose `target` is given. With it, `target` is the clean image, and the error
    of `image` is weighted as if that prediction's were squared: by its slope's square, at most `max_weight`.
    """
    if measured_in is None:
        return (output - target).square().flatten(1).mean(1)
    return error_weight(measured_in, level, max_weight) * (image - target).square().flatten(1).mean(1)


def error_weight(prediction: Prediction, level: Level, max_weight: float = float("inf")) -> Float[Tensor, " batch"]:
    """What a squared error of the image weighs where those of this prediction are squared, at most `max_weight`."""
    return prediction.slope(level).square().clamp(max=max_weight).flatten()


def adaptive_weight(errors: Float[Tensor, " batch"], power: float) -> Float[Tensor, " batch"]:
    """By which squared errors are divided by a power of themselves, a constant (arXiv:2505.13447, section 4.3).

    At power 0 errors stay what they are, at 0.5 each weighs like a distance.
    """
    return (errors.detach() + SMALLEST) ** -power
