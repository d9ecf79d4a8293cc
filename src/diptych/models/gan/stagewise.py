"""AttnGAN's discriminators: one for each stage of the generator (Xu et al. 2018, arXiv:1711.10485).

Each reads images of its own size and no other's, and gives two logits: one of the image alone, and one of the image
with a sentence, which is repeated over the last 4x4 grid. The whole is scored by the last stage's discriminator; the
term `stages` asks the others, and all of them about images alone.

With the constructor's defaults, at 256x256x3 in three stages with sentences of 256 numbers, these are the networks of
the authors' code (6,313,730, 19,424,002 and 71,858,946 parameters). Sentence vectors are standardised here. Below 64
pixels, where the article has none, they keep its widest grids and leave out the others.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.gan.attentional import sizes_of_stages
from diptych.models.gan.grids import SMALLEST_GRID, joined_in_every_cell, num_doublings
from diptych.models.gan.spectral import normalize_spectrally
from diptych.types import Images, Logits, TextFeatures

SLOPE = 0.2
FEATURES = 8
"""The last grid has so many times `width` channels, in every stage."""
NUM_GROWING = 4
"""So many halvings come before channels grow beyond that."""

Grid = Float[Tensor, "batch features 4 4"]


class AttnGANDiscriminator(nn.Module):
    """A discriminator for each of `num_stages` sizes; `encode` and `score` are the last one's."""

    needs = ("text",)

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int,
        width: int = 64,
        num_stages: int = 3,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        sizes = sizes_of_stages(image_size, num_stages)
        self.of_sizes = nn.ModuleList(StageDiscriminator(size, image_channels, condition_dim, width) for size in sizes)
        if spectral_norm:
            normalize_spectrally(self)

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def stages(self) -> "list[StageDiscriminator]":
        """The discriminator of each stage, from small to large."""
        return list(self.of_sizes)  # pyright: ignore[reportReturnType]

    def encode(self, images: Images) -> Grid:
        """The image's features on the smallest grid."""
        return self.stages()[-1].encode(images)

    def score(self, features: Grid, text: TextFeatures | None = None) -> Logits:
        """The logit that the image is real and that the sentence is true of it."""
        return self.stages()[-1].score(features, text)


class StageDiscriminator(nn.Module):
    """Images of `image_size` to a logit alone, and to one with a sentence."""

    def __init__(self, image_size: int, image_channels: int, condition_dim: int, width: int) -> None:
        super().__init__()
        features = FEATURES * width
        self.layers = nn.Sequential(*_layers(image_size, image_channels, width))
        self.mix = nn.Sequential(*_same_size(features + condition_dim, features))
        self.head, self.pair_head = (nn.Conv2d(features, 1, SMALLEST_GRID) for _ in range(2))

    def forward(self, images: Images, text: TextFeatures | None = None) -> Logits:
        return self.score(self.encode(images), text)

    def encode(self, images: Images) -> Grid:
        """The image's features on the smallest grid."""
        return self.layers(images)

    def score(self, features: Grid, text: TextFeatures | None = None) -> Logits:
        """The logit that the image is real and that the sentence is true of it."""
        assert text is not None, "a stage's discriminator scores pairs, or images alone by `score_alone`"
        sentence = F.layer_norm(text.sentence, text.sentence.shape[1:])
        return self.pair_head(self.mix(joined_in_every_cell(features, sentence))).flatten()

    def score_alone(self, features: Grid) -> Logits:
        """The logit that the image is real, whatever is said of it."""
        return self.head(features).flatten()


def _layers(image_size: int, image_channels: int, width: int) -> list[nn.Module]:
    """Halvings to the 4x4 grid, then back to the channels that all stages have."""
    num_halvings = num_doublings(image_size, "AttnGAN")
    last = max(num_halvings, NUM_GROWING)
    widths = [width * 2**level for level in range(last - num_halvings, last)]
    back = [width * 2**level for level in reversed(range(NUM_GROWING - 1, last))]
    return [
        nn.Conv2d(image_channels, widths[0], 4, 2, 1, bias=False),
        nn.LeakyReLU(SLOPE),
        *(layer for ins, outs in pairwise(widths) for layer in _halving(ins, outs)),
        *(layer for ins, outs in pairwise(back) for layer in _same_size(ins, outs)),
    ]


def _halving(ins: int, outs: int) -> list[nn.Module]:
    return [nn.Conv2d(ins, outs, 4, 2, 1, bias=False), nn.BatchNorm2d(outs), nn.LeakyReLU(SLOPE)]


def _same_size(ins: int, outs: int) -> list[nn.Module]:
    return [nn.Conv2d(ins, outs, 3, 1, 1, bias=False), nn.BatchNorm2d(outs), nn.LeakyReLU(SLOPE)]
