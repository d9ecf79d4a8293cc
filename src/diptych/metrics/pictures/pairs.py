"""How near a picture is to the one picture that it should be: pixels, structure, and what a network sees.

All three are torchmetrics', which agree with the originals; here they take pictures in [-1, 1] and give one value a
pair. They are for reconstructions: of two pictures of one sentence, neither is the one that should be.
"""

import warnings
from pathlib import Path

import torch
import torchvision
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from diptych.types import Images

BACKBONES = {
    "alex": torchvision.models.AlexNet_Weights.IMAGENET1K_V1,
    "vgg": torchvision.models.VGG16_Weights.IMAGENET1K_V1,
    "squeeze": torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1,
}

PerPair = Float[Tensor, " pairs"]


def psnr(images: Images, references: Images) -> PerPair:
    """Peak signal-to-noise ratio in decibels; infinite for equal pictures."""
    return peak_signal_noise_ratio(images, references, data_range=2.0, reduction="none", dim=(1, 2, 3))


def ssim(images: Images, references: Images) -> PerPair:
    """Structural similarity (Wang et al. 2004) with a Gaussian window of 11 pixels, at most 1.

    In float64: variances are differences of squares, of which flat pictures leave nothing in float32.
    """
    similarity = structural_similarity_index_measure(
        (images.double() + 1) / 2, (references.double() + 1) / 2, data_range=1.0, reduction="none"
    )
    assert isinstance(similarity, Tensor)
    return similarity


def lpips(images: Images, references: Images, *, backbone: str = "alex") -> PerPair:
    """Learned perceptual distance (Zhang et al. 2018, arXiv:1801.03924); 0 for equal pictures.

    Raises a ValueError where the backbone's weights are not on disk (`lpips_missing`); nothing is downloaded.
    """
    if reason := lpips_missing(backbone):
        raise ValueError(reason)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's of its former names for weights, which torchmetrics uses
        metric = LearnedPerceptualImagePatchSimilarity(net_type=backbone, reduction="none")  # pyright: ignore
    three = (images.shape[0], 3, *images.shape[2:])
    with torch.no_grad():
        return metric(images.expand(three), references.expand(three)).reshape(len(images))


def lpips_missing(backbone: str = "alex") -> str:
    """Why there is no LPIPS with this backbone here; empty where there is."""
    if backbone not in BACKBONES:
        return f"LPIPS has the backbones {', '.join(BACKBONES)}, not {backbone!r}"
    url = BACKBONES[backbone].url
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    return "" if file.is_file() else f"LPIPS needs the weights {url} as {file}"
