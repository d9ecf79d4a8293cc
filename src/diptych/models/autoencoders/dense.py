"""The dense autoencoder of a 64 x 64 image: one hidden layer of 256 on each side, with dropout and normalisation.

As published it does not run (its layers' shapes disagree): here the image is flattened first, and the code has 4,096
numbers, as its decoder expects.
"""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from diptych.types import Images

Vector = Float[Tensor, "batch features 1 1"]


class DenseEncoder(nn.Module):
    """All pixels to `hidden_dim` numbers, and these to `code_dim`, a grid of one place."""

    publishes: ClassVar[dict[str, str]] = {"feature_channels": "feature_channels", "latent_size": "latent_size"}

    def __init__(
        self,
        *,
        image_size: int = 64,
        image_channels: int = 3,
        hidden_dim: int = 256,
        code_dim: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.feature_channels, self.latent_size = code_dim, 1
        self.body = nn.Sequential(
            nn.Flatten(),
            *_hidden(image_channels * image_size**2, hidden_dim, dropout),
            nn.Linear(hidden_dim, code_dim),
            nn.ReLU(),
        )

    def forward(self, images: Images) -> Vector:
        return self.body(images)[:, :, None, None]


class DenseDecoder(nn.Module):
    """The code to `hidden_dim` numbers, and these to all pixels; a tanh bounds them."""

    def __init__(
        self,
        *,
        latent_channels: int = 4096,
        latent_size: int = 1,
        image_size: int = 64,
        image_channels: int = 3,
        hidden_dim: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.shape = (image_channels, image_size, image_size)
        self.body = nn.Sequential(
            nn.Flatten(),
            *_hidden(latent_channels * latent_size**2, hidden_dim, dropout),
            nn.Linear(hidden_dim, image_channels * image_size**2),
            nn.Tanh(),
        )

    def forward(self, latents: Float[Tensor, "batch features rows columns"]) -> Images:
        return self.body(latents).unflatten(1, self.shape)


def _hidden(ins: int, outs: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(ins, outs), nn.ReLU(), nn.Dropout(dropout), nn.LayerNorm(outs)]
