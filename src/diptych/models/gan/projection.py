"""A residual projection discriminator with spectral normalisation: one score for realism, one for the sentence.

Projection: Miyato & Koyama 2018 (arXiv:1802.05637); spectral normalisation: Miyato et al. 2018 (arXiv:1802.05957).
There is no batch normalisation, so no picture's score depends on its neighbours. The last grid is flattened and not
summed, because sentences describe positions, too.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from diptych.types import Images, Logits, TextFeatures

Features = Float[Tensor, "batch features"]
Planes = Float[Tensor, "batch channels rows columns"]
NewPlanes = Float[Tensor, "batch new_channels new_rows new_columns"]


class ProjectionDiscriminator(nn.Module):
    """Logit = w . f(x) + <V f(x), sentence> / sqrt(condition_dim).

    Each of `widths` except the last is a block that halves the picture. `encode` and `score` share the work between
    several sentences for one picture.
    """

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        widths: Sequence[int] = (32, 64, 128, 192),
        spectral_norm: bool = True,
    ) -> None:
        super().__init__()
        normalized = parametrizations.spectral_norm if spectral_norm else _as_it_is
        shrink = 2 ** (len(widths) - 1)
        if image_size % shrink:
            raise ValueError(
                f"discriminator.widths={list(widths)} halves the picture {len(widths) - 1} times, which a picture of "
                f"{image_size} px does not allow: use fewer widths"
            )
        last = len(widths) - 1
        self.blocks = nn.Sequential(
            *(
                DownBlock(ins, outs, reads_pixels=i == 0, halves=i < last, normalized=normalized)
                for i, (ins, outs) in enumerate(pairwise((image_channels, *widths)))
            )
        )
        num_features = widths[-1] * (image_size // shrink) ** 2
        self.head = normalized(nn.Linear(num_features, 1))
        self.embedding = normalized(nn.Linear(num_features, condition_dim)) if condition_dim else None

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Features:
        """The picture's last grid of features, flattened."""
        return F.relu(self.blocks(images)).flatten(1)

    def score(self, features: Features, text: TextFeatures | None = None) -> Logits:
        """The logit that the picture is real and, with a sentence, that the two match."""
        logits = self.head(features).squeeze(1)
        if self.embedding is None:
            return logits
        assert text is not None, "a conditioned discriminator scores pairs"
        return logits + (self.embed(features) * text.sentence).sum(1) / text.sentence.shape[1] ** 0.5

    def embed(self, features: Features) -> Float[Tensor, "batch condition"]:
        """The picture as a vector in the space of sentence vectors."""
        assert self.embedding is not None, "an unconditional discriminator has no embedding"
        return self.embedding(features)


class DownBlock(nn.Module):
    """Two convolutions with a shortcut; the second has stride 2 if the block halves.

    The input is rectified first, except pixels, since half of their range is negative. `normalized` is done to each
    layer.
    """

    def __init__(
        self,
        ins: int,
        outs: int,
        *,
        reads_pixels: bool,
        halves: bool,
        normalized: Callable[[nn.Module], nn.Module] = parametrizations.spectral_norm,
    ) -> None:
        super().__init__()
        kernel, stride = (4, 2) if halves else (3, 1)
        self.reads_pixels, self.halves = reads_pixels, halves
        self.first = normalized(nn.Conv2d(ins, outs, 3, 1, 1))
        self.second = normalized(nn.Conv2d(outs, outs, kernel, stride, 1))
        self.shortcut = normalized(nn.Conv2d(ins, outs, 1))

    def forward(self, planes: Planes) -> NewPlanes:
        hidden = self.second(F.relu(self.first(planes if self.reads_pixels else F.relu(planes))))
        return hidden + self.shortcut(F.avg_pool2d(planes, 2) if self.halves else planes)


def _as_it_is(layer: nn.Module) -> nn.Module:
    return layer
