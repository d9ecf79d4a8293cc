"""A small flow over a VAE's latents, given the sentence: rectified flow (arXiv:2209.03003) in a vector.

Latents of a trained encoder do not fill the standard normal: drawn from it, some are latents that no image has. What is
fitted here is where those of real images lie.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.waves import Waves
from diptych.models.zero_at_first import zero_at_first
from diptych.types import TextFeatures

TIME_DIM = 32

Latents = Float[Tensor, "batch latent"]


class FlowLatentPrior(nn.Module):
    """`depth` residual layers of `dim` numbers say the velocity of noisy latents; time 1 is noise."""

    def __init__(self, *, latent_dim: int = 16, condition_dim: int = 0, dim: int = 256, depth: int = 3) -> None:
        super().__init__()
        self.waves = Waves(TIME_DIM)
        self.of_latents, self.of_time = nn.Linear(latent_dim, dim), nn.Linear(TIME_DIM, dim)
        self.of_sentence = nn.Linear(condition_dim, dim) if condition_dim else None
        self.layers = nn.ModuleList(_layer(dim) for _ in range(depth))
        self.last = zero_at_first(nn.Linear(dim, latent_dim))

    def forward(self, noisy: Latents, times: Float[Tensor, " batch"], text: TextFeatures | None = None) -> Latents:
        told = self.of_time(self.waves(times))
        if self.of_sentence is not None:
            assert text is not None, "a prior with sentences is told one"
            told = told + self.of_sentence(F.layer_norm(text.sentence, text.sentence.shape[1:]))
        hidden = self.of_latents(noisy) + told
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        return self.last(hidden)

    @torch.no_grad()
    def sample(self, noise: Latents, text: TextFeatures | None, steps: int) -> Latents:
        """From noise to latents, in so many Euler steps."""
        latents = noise
        for step in range(steps):
            time = noise.new_full((len(noise),), 1 - step / steps)
            latents = latents - self(latents, time, text) / steps
        return latents


def _layer(dim: int) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim), nn.SiLU(), zero_at_first(nn.Linear(dim, dim)))
