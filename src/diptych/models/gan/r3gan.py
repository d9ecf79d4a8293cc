"""R3GAN's networks (Huang et al. 2024, arXiv:2501.05441): residual, without any normalisation, at several sizes.

A block expands by a 1x1 convolution, filters groups of channels by a 3x3 one and returns by a 1x1 one. It begins as
the identity: its last convolution is zero, and the two others shrink with the number of blocks (Fixup, Zhang et al.
2019, arXiv:1901.09321). Sizes change between blocks by interpolation, widths by a 1x1 convolution beside it. The
generator starts from a learned grid whose channels the latents scale; the discriminator ends with one weight for each
place of its last grid.

With `channel_base=24576, channel_max=768` and no condition, the networks have the parameters of the authors' (32 px:
generator 20,732,160, discriminator 20,683,776; 64 px: 22,429,824 and 22,381,440). An image of `base * 2**n` pixels,
base 4 or 7, takes n doublings. Our deviations: a tanh keeps images in [-1, 1]; sentences take the place of labels, and
are standardised and compressed (`models/condition.py`) before they join the latents. In the discriminator the logit is
the product of picture and sentence in `channel_max` dimensions, as it is with the authors' labels.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.condition import Condition
from diptych.models.gan.dcgan import base_and_halvings
from diptych.models.gan.resampling import InterpolatedDouble, InterpolatedHalf
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

SLOPE = 0.2
GAIN = (2 / (1 + SLOPE**2)) ** 0.5
"""Keeps the mean square of numbers through a leaky rectifier."""

Planes = Float[Tensor, "batch channels rows columns"]
Features = Float[Tensor, "batch features"]
Layer = TypeVar("Layer", bound=nn.Conv2d | nn.Linear)


class R3GANGenerator(nn.Module):
    """A learned grid scaled by latents, then stages of blocks between doublings.

    A grid of r pixels has `channel_base / r` channels, at most `channel_max`; filters see `group_width` channels.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        condition_width: int = 64,
        latent_dim: int = 64,
        channel_base: int = 24576,
        channel_max: int = 768,
        blocks_per_stage: int = 2,
        expansion: int = 2,
        group_width: int = 16,
    ) -> None:
        super().__init__()
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        base, widths = _widths(image_size, channel_base, channel_max)
        stage = partial(_stage, blocks_per_stage, expansion=expansion, group_width=group_width, num_stages=len(widths))
        self.condition = Condition(condition_dim, condition_width) if condition_dim else None
        self.start = GenerativeBasis(latent_dim + (condition_width if condition_dim else 0), widths[0], base)
        self.layers = nn.Sequential(*stage(widths[0]))
        for level, (ins, outs) in enumerate(pairwise(widths)):
            self.layers.extend([*_reshaped(ins, outs), InterpolatedDouble(base * 2**level), *stage(outs)])
        self.to_pixels = _scaled(nn.Conv2d(widths[-1], image_channels, 1, bias=False))

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        inputs = latents
        if self.condition is not None:
            assert text is not None, "a conditioned generator needs sentences"
            inputs = torch.cat([latents, self.condition(text.sentence)], dim=1)
        return self.to_pixels(self.layers(self.start(inputs))).tanh()


class R3GANDiscriminator(nn.Module):
    """The generator's stages in reverse, then a weight for each place of the last grid.

    Logit = w . f(x) or, with a sentence, <V f(x), W sentence>, the sentence standardised. `spectral_norm` divides every
    layer's weights by their largest singular value, and blocks then do not begin as the identity; R3GAN has none.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        channel_base: int = 24576,
        channel_max: int = 768,
        blocks_per_stage: int = 2,
        expansion: int = 2,
        group_width: int = 16,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        base, widths = _widths(image_size, channel_base, channel_max)
        stage = partial(_stage, blocks_per_stage, expansion=expansion, group_width=group_width, num_stages=len(widths))
        joint_dim = widths[0]
        self.from_pixels = _scaled(nn.Conv2d(image_channels, widths[-1], 1, bias=False))
        self.layers = nn.Sequential()
        for level, (ins, outs) in enumerate(pairwise(reversed(widths))):
            self.layers.extend([*stage(ins), InterpolatedHalf(image_size // 2**level), *_reshaped(ins, outs)])
        self.layers.extend([*stage(widths[0]), DiscriminativeBasis(widths[0], base)])
        self.head = _scaled(nn.Linear(widths[0], joint_dim if condition_dim else 1, bias=False))
        self.said = _scaled(nn.Linear(condition_dim, joint_dim, bias=False), joint_dim**-0.5) if condition_dim else None
        if spectral_norm:
            _wake(self)
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The picture's last grid, weighed place by place and summed."""
        return self.layers(self.from_pixels(images))

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the picture is real or, with a sentence, that the pair is."""
        if self.said is None:
            return self.head(features).squeeze(1)
        assert text is not None, "a conditioned discriminator scores pairs"
        said = self.said(F.layer_norm(text.sentence, text.sentence.shape[1:]))
        return (self.head(features) * said).sum(1)

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The picture as a vector in the space of sentence vectors; its product with one is the logit."""
        assert self.said is not None, "an unconditional discriminator has no embedding"
        return self.head(features) @ self.said.weight


class ResidualBlock(nn.Module):
    """x + an inverted bottleneck of x: widen, filter in groups, narrow. It starts as the identity."""

    def __init__(self, width: int, *, expansion: int, group_width: int, num_blocks: int) -> None:
        super().__init__()
        wide = width * expansion
        if wide % group_width:
            raise ValueError(
                f"group_width={group_width} does not divide the {wide} channels of a block that widens {width} by "
                f"expansion={expansion}: choose another, or another channel_base and channel_max"
            )
        gain = GAIN * num_blocks**-0.25
        self.widen = _scaled(nn.Conv2d(width, wide, 1), gain)
        self.filter = _scaled(nn.Conv2d(wide, wide, 3, 1, 1, groups=wide // group_width), gain)
        self.narrow = _scaled(nn.Conv2d(wide, width, 1, bias=False), 0.0)

    def forward(self, planes: Planes) -> Planes:
        hidden = F.leaky_relu(self.widen(planes), SLOPE)
        return planes + self.narrow(F.leaky_relu(self.filter(hidden), SLOPE))


class GenerativeBasis(nn.Module):
    """A learned grid; a linear function of the inputs scales each of its channels."""

    def __init__(self, inputs: int, width: int, side: int) -> None:
        super().__init__()
        self.grid = nn.Parameter(torch.randn(width, side, side))
        self.scale = _scaled(nn.Linear(inputs, width, bias=False))

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Planes:
        return self.grid * self.scale(inputs)[:, :, None, None]


class DiscriminativeBasis(nn.Conv2d):
    """A depthwise convolution as large as the grid: a weighted sum over the places of each channel."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__(width, width, side, groups=width, bias=False)
        _scaled(self)

    def forward(self, input: Planes) -> Features:
        return (input * self.weight.squeeze(1)).sum(dim=(2, 3))


def _widths(image_size: int, channel_base: int, channel_max: int) -> tuple[int, list[int]]:
    """The side of the smallest grid, and the channels of all grids; one of 7, 14, 28 has those of 8, 16, 32."""
    base, num_doublings = base_and_halvings(image_size)
    sides = [(4 if base == 4 else 8) * 2**level for level in range(num_doublings + 1)]
    return base, [max(1, min(channel_max, channel_base // side)) for side in sides]


def _stage(
    num_blocks: int, width: int, *, expansion: int, group_width: int, num_stages: int
) -> Iterator[ResidualBlock]:
    for _ in range(num_blocks):
        yield ResidualBlock(width, expansion=expansion, group_width=group_width, num_blocks=num_blocks * num_stages)


def _wake(network: nn.Module) -> None:
    """Give zero layers weights: a matrix of zeros has no largest singular value to be divided by."""
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            _scaled(block.narrow)


def _reshaped(ins: int, outs: int) -> list[nn.Module]:
    """From one number of channels to another, where they differ."""
    return [] if ins == outs else [_scaled(nn.Conv2d(ins, outs, 1, bias=False))]


@torch.no_grad()
def _scaled(layer: Layer, gain: float = 1.0) -> Layer:
    """Weights from N(0, gain / sqrt(fan-in)), biases zero (He et al. 2015, arXiv:1502.01852)."""
    layer.weight.normal_(0.0, gain * layer.weight[0].numel() ** -0.5)
    if layer.bias is not None:
        layer.bias.zero_()
    return layer
