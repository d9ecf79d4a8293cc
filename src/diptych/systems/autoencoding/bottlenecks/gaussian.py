"""Gaussian latents at every place, drawn to the standard normal (Kingma & Welling 2014, arXiv:1312.6114).

With a small weight the noise only keeps latents at one scale and decoders smooth (arXiv:2112.10752).
"""

from torch import nn

from diptych.losses.variational import gaussian_kl
from diptych.systems.autoencoding.bottlenecks.base import Bottleneck, Features, Latents, Noise, Squeezed

LOG_VARIANCES = (-30.0, 20.0)
"""Bounds of what is said of a latent, as of latent diffusion."""


class GaussianBottleneck(Bottleneck):
    """`latent_channels` means and variances a place; `kl_weight` is per nat of the latents."""

    def __init__(self, *, feature_channels: int = 128, latent_channels: int = 4, kl_weight: float = 1e-6) -> None:
        super().__init__()
        if latent_channels < 1 or kl_weight < 0:
            raise ValueError(
                f"bottleneck.latent_channels={latent_channels} must be 1 or more, bottleneck.kl_weight={kl_weight:g} "
                "0 or more"
            )
        self.latent_channels = self.noise_channels = latent_channels
        self.kl_weight = kl_weight
        self.moments = nn.Conv2d(feature_channels, 2 * latent_channels, 1)

    @property
    def weights(self) -> dict[str, float]:
        return {"kl_loss": self.kl_weight}

    def forward(self, features: Features, noise: Noise) -> Squeezed:
        mean, log_variance = self.moments(features).chunk(2, dim=1)
        log_variance = log_variance.clamp(*LOG_VARIANCES)
        latents = mean + noise * (0.5 * log_variance).exp()
        return Squeezed(latents, {"kl_loss": gaussian_kl(mean.flatten(1), log_variance.flatten(1))})

    def encode(self, features: Features) -> Latents:
        """The means."""
        return self.moments(features).chunk(2, dim=1)[0]
