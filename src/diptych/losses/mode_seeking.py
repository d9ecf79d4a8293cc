"""The ratio by which two latents differ more than the images generated from them."""

from jaxtyping import Float
from torch import Tensor

from diptych.types import Images

LEAST_RATIO = 1e-5
"""The authors' code adds it to the distance of images over that of latents, so that equal images have a finite loss."""

Latents = Float[Tensor, "batch latent"]


def mode_seeking_loss(
    latents: Latents, others: Latents, images: Images, others_images: Images
) -> Float[Tensor, " batch"]:
    """Distance of latents over distance of images (Mao et al. 2019, arXiv:1903.05628, equation 3, to be minimised).

    Both distances are mean absolute differences, in float32; images are in [-1, 1]. The authors' code divides the means
    over a batch; here every pair has a ratio of its own, as in the article.
    """
    between_latents = (latents.float() - others.float()).abs().mean(dim=1)
    between_images = (images.float() - others_images.float()).abs().flatten(1).mean(dim=1)
    return between_latents / (between_images + LEAST_RATIO * between_latents)
