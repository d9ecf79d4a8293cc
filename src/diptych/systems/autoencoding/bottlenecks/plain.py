"""No bottleneck but the size of the grid."""

from diptych.systems.autoencoding.bottlenecks.base import Bottleneck, Features, Latents, Noise, Squeezed


class PlainBottleneck(Bottleneck):
    """Features are the latents."""

    def __init__(self, *, feature_channels: int = 128) -> None:
        super().__init__()
        self.latent_channels = feature_channels

    def forward(self, features: Features, noise: Noise) -> Squeezed:
        return Squeezed(features)

    def encode(self, features: Features) -> Latents:
        return features
