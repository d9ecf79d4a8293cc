"""A layered generator: each slot's appearance is a patch, placed by a pose and composited.

It follows LR-GAN (Yang et al. 2017, arXiv:1703.01560), with all layers at once instead of one after another. The
appearances come from the sentence alone and share one decoder, so a shape learned at one position is known at all of
them; the latents determine the poses, so positions vary with the noise. Edges stay crisp because a patch has about the
resolution of the area that it covers. On scenes of flat objects it needs a fraction of a grid generator's images.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.types import Images, TextFeatures

OPENNESS = 2.0
"""Gain of the logit of a layer's opacity; higher values make edges crisp sooner."""
REACH = 0.8
"""The largest distance of a slot's centre from the middle, in half sides of the picture."""
DIAGONAL = 0.5
"""The initial distance of the outermost slots, before the squashing to REACH."""
SCALE_RANGE = 0.3
"""The largest change of a slot's size, in natural logarithms."""

Looks = Float[Tensor, "slots look"]
Poses = Float[Tensor, "slots 3"]
Patches = Float[Tensor, "slots planes patch_size patch_size"]
Layers = Float[Tensor, "slots planes image_size image_size"]


class LayeredGenerator(nn.Module):
    """`num_slots` layers over one learned background colour, later slots in front.

    `cover` is the side of a patch on the canvas, as a share of the picture's; `patch_widths` are the channels of the
    patch decoder at a quarter and half of `patch_size`. Without a condition, everything comes from the latents.
    """

    knows_objects: ClassVar[bool] = True

    def __init__(
        self,
        *,
        image_size: int = 32,
        image_channels: int = 3,
        condition_dim: int = 0,
        latent_dim: int = 8,
        num_slots: int = 2,
        patch_size: int = 24,
        cover: float = 0.6875,
        look_dim: int = 64,
        hidden_dim: int = 384,
        patch_widths: tuple[int, int] = (96, 64),
    ) -> None:
        super().__init__()
        if patch_size % 4:
            raise ValueError(f"generator.patch_size={patch_size} is doubled twice from its start: use a multiple of 4")
        self.image_size, self.image_channels, self.latent_dim = image_size, image_channels, latent_dim
        self.num_slots, self.cover = num_slots, cover
        self.mapping = _mapping(condition_dim or latent_dim, hidden_dim)
        self.look = nn.Linear(hidden_dim, num_slots * look_dim)
        self.pose = PoseHead(hidden_dim, latent_dim, num_slots)
        self.draw = PatchDecoder(look_dim, image_channels, patch_size, patch_widths)
        self.background = nn.Parameter(torch.zeros(image_channels, 1, 1))

    def forward(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None = None) -> Images:
        content = self.mapping(latents if text is None else text.sentence)
        patches = self.draw(self.look(content).unflatten(1, (self.num_slots, -1)).flatten(0, 1))
        layers = self._place(patches, self.pose(content, latents)).unflatten(0, (len(latents), self.num_slots))
        picture = torch.tanh(self.background)
        for premultiplied, opacity in zip(layers[:, :, :-1].unbind(1), layers[:, :, -1:].unbind(1), strict=True):
            picture = picture * (1 - opacity) + premultiplied
        return picture

    def _place(self, patches: Patches, poses: Poses) -> Layers:
        """Each patch on an empty canvas: shifted and scaled, bilinear, nothing outside it."""
        scales = self.cover * torch.exp(SCALE_RANGE * torch.tanh(poses[:, 2:]))
        centres = REACH * torch.tanh(poses[:, :2])
        inverse = torch.cat(
            [torch.eye(2, device=poses.device, dtype=poses.dtype).expand(len(poses), 2, 2), centres.neg()[:, :, None]],
            dim=2,
        )
        size = (*patches.shape[:2], self.image_size, self.image_size)
        grid = F.affine_grid(inverse / scales[:, :, None], list(size), align_corners=False)
        return F.grid_sample(patches, grid.to(patches.dtype), align_corners=False)


class PoseHead(nn.Module):
    """The position (x, y) and size of each slot, from content and latents; the latents' part starts with a wide gain.

    The slots start along the diagonal, so that the upper or left object belongs to the first slot from the beginning.
    Without this order, sentences near the border between two assignments get a mixture of both appearances.
    """

    def __init__(self, content_dim: int, latent_dim: int, num_slots: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(content_dim + latent_dim, content_dim)
        self.pose = nn.Linear(content_dim + latent_dim, num_slots * 3)
        nn.init.normal_(self.pose.weight[:, :content_dim], std=0.05)
        nn.init.normal_(self.pose.weight[:, content_dim:], std=0.6 * latent_dim**-0.5)
        with torch.no_grad():
            self.pose.weight[2::3] *= 0.1
            self.pose.bias.copy_(_along_the_diagonal(num_slots))

    def forward(
        self, content: Float[Tensor, "batch content"], latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "slots 3"]:
        hidden = F.relu(self.hidden(torch.cat([content, latents], dim=1)))
        return self.pose(torch.cat([hidden, latents], dim=1)).unflatten(1, (-1, 3)).flatten(0, 1)


class PatchDecoder(nn.Module):
    """An appearance to a patch: colour times opacity, then opacity. It has one colour that the pixels may vary."""

    def __init__(self, look_dim: int, image_channels: int, patch_size: int, widths: tuple[int, int]) -> None:
        super().__init__()
        self.grid = patch_size // 4
        self.image_channels = image_channels
        first, second = widths
        self.first = nn.Linear(look_dim, first * self.grid**2)
        self.blocks = nn.Sequential(
            nn.BatchNorm2d(first),
            nn.ReLU(),
            nn.ConvTranspose2d(first, second, 4, 2, 1),
            nn.BatchNorm2d(second),
            nn.ReLU(),
            nn.ConvTranspose2d(second, image_channels + 1, 4, 2, 1),
        )
        self.colour = nn.Linear(look_dim, image_channels)

    def forward(self, looks: Looks) -> Patches:
        planes = self.first(looks).unflatten(1, (-1, self.grid, self.grid))
        generated = self.blocks(planes.contiguous(memory_format=torch.channels_last))
        colours = torch.tanh(self.colour(looks)[:, :, None, None] + generated[:, : self.image_channels])
        opacity = torch.sigmoid(OPENNESS * generated[:, self.image_channels :] - 1)
        return torch.cat([colours * opacity, opacity], dim=1).contiguous()


def _along_the_diagonal(num_slots: int) -> Float[Tensor, " poses"]:
    """Poses from the upper left to the lower right, of normal size."""
    places = torch.linspace(-DIAGONAL, DIAGONAL, num_slots) if num_slots > 1 else torch.zeros(1)
    return torch.stack([places, places, torch.zeros(num_slots)], dim=1).flatten()


def _mapping(input_dim: int, hidden_dim: int) -> nn.Sequential:
    """Gated linear units (Dauphin et al. 2017, arXiv:1612.08083): the relation gates which shape a slot takes."""
    return nn.Sequential(
        nn.Linear(input_dim, 2 * hidden_dim),
        nn.GLU(),
        nn.Linear(hidden_dim, hidden_dim),
        nn.ReLU(),
        nn.Linear(hidden_dim, 2 * hidden_dim),
        nn.GLU(),
    )
