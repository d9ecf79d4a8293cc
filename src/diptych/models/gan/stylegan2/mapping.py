"""From latents and a sentence to a style (Karras et al. 2019, arXiv:1812.04948; conditional as in arXiv:2006.06676)."""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.stylegan2.equalized import EqualizedLinear, leaky, normalized
from diptych.types import TextFeatures

LR_MULTIPLIER = 0.01

Styles = Float[Tensor, "batch style"]


class Mapping(nn.Module):
    """`num_layers` layers that learn at a hundredth of the rate of others, from inputs of mean square 1."""

    def __init__(self, latent_dim: int, condition_dim: int, style_dim: int, num_layers: int) -> None:
        super().__init__()
        self.embedding = EqualizedLinear(condition_dim, style_dim) if condition_dim else None
        ins = latent_dim + (style_dim if condition_dim else 0)
        self.layers = nn.ModuleList(
            EqualizedLinear(style_dim if i else ins, style_dim, lr_multiplier=LR_MULTIPLIER) for i in range(num_layers)
        )

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Styles:
        style = normalized(latents)
        if self.embedding is not None:
            assert text is not None, "a conditioned generator generates from sentences"
            sentence = F.layer_norm(text.sentence, text.sentence.shape[1:])
            style = torch.cat([style, normalized(self.embedding(sentence))], dim=1)
        for layer in self.layers:
            style = leaky(layer(style))
        return style


class MeanStyle(nn.Module):
    """The running mean of the styles of training, over all devices.

    `momentum` and `track_running_stats` are read as batch normalisation's are, so that a batch in parts moves the mean
    as the whole batch would, and a network that is frozen for a while keeps it.
    """

    track_running_stats = True
    value: Tensor

    def __init__(self, style_dim: int, momentum: float = 0.005) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("value", torch.zeros(style_dim))

    @torch.no_grad()
    def forward(self, styles: Styles) -> None:
        """Follow these styles, in training."""
        if not self.training or not self.track_running_stats:
            return
        mean = styles.detach().to(self.value).mean(0)
        if dist.is_initialized() and dist.get_world_size() > 1:
            dist.all_reduce(mean)
            mean /= dist.get_world_size()
        self.value.lerp_(mean, self.momentum)
