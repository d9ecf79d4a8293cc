"""A generator that makes smaller images on the way to the image (AttnGAN, Xu et al. 2018, arXiv:1711.10485).

It says so by a method `stages(latents, text)`, which gives the images from small to large; the last one is the image.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from diptych.types import Images, TextFeatures


def generated_in_stages(generator: Any, latents: Tensor, text: TextFeatures | None) -> Sequence[Images]:
    """The images of all stages; of a generator without stages, the image alone."""
    stages = getattr(generator, "stages", None)
    return stages(latents, text) if stages else [generator(latents, text)]


def detached(images: Sequence[Images]) -> tuple[Images, ...]:
    """The same images, without a way back to what generated them."""
    return tuple(part.detach() for part in images)
