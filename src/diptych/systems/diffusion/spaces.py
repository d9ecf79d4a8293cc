"""Where a denoiser works: on the pixels of images, or in the latents of a frozen autoencoder (arXiv:2112.10752)."""

from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.models.borrowed import Borrowed
from diptych.systems.terms.lenders import check_pictures
from diptych.types import DataSpec, Images

Samples = Float[Tensor, "batch latent rows columns"]


class Space(Protocol):
    """Samples that stand for images; `shape` is that of one sample. Where `decoding_costs`, nobody decodes in vain."""

    shape: tuple[int, int, int]
    decoding_costs: bool

    def encode(self, images: Images) -> Samples:
        """The samples of images; no gradient."""
        ...

    def decode(self, samples: Samples) -> Images:
        """The images of samples, through which gradients go back."""
        ...

    def graphs(self) -> dict[str, Any]:
        """What decodes samples, as graphs (`diptych.systems.inference.graphs`)."""
        ...


class PixelSpace(nn.Module):
    """Samples are images."""

    decoding_costs = False

    def __init__(self, data_spec: DataSpec) -> None:
        super().__init__()
        self.shape = (data_spec.image_channels, data_spec.image_size, data_spec.image_size)

    def encode(self, images: Images) -> Samples:
        return images

    def decode(self, samples: Samples) -> Images:
        return samples

    def graphs(self) -> dict[str, Any]:
        """None: samples are images."""
        return {}


class LatentSpace(nn.Module):
    """Samples are the latents of another run's autoencoder, which stays as it is."""

    decoding_costs = True

    def __init__(self, autoencoder: Any, data_spec: DataSpec) -> None:
        super().__init__()
        if getattr(autoencoder, "num_codes", 0):
            raise ValueError(
                "parts.autoencoder: its latents are codes, between which its decoder knows nothing; name a run of "
                "model=kl_autoencoder, or another one without codes"
            )
        check_pictures("parts.autoencoder", autoencoder.data_spec, data_spec)
        self.borrowed = Borrowed(autoencoder.eval().requires_grad_(False))
        self.shape = (autoencoder.latent_channels, autoencoder.latent_size, autoencoder.latent_size)

    @torch.no_grad()
    def encode(self, images: Images) -> Samples:
        return self.borrowed.network.encode(images)

    def decode(self, samples: Samples) -> Images:
        return self.borrowed.network.decode(samples)

    def graphs(self) -> dict[str, Any]:
        """The decoder, for whoever exports the denoiser."""
        return {"decoder": self.borrowed.network.decoding_graph}


def space_of(data_spec: DataSpec, autoencoder: Any) -> PixelSpace | LatentSpace:
    """The latents of the autoencoder where there is one, pixels elsewhere."""
    return PixelSpace(data_spec) if autoencoder is None else LatentSpace(autoencoder, data_spec)
