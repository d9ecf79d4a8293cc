"""Somebody else's frozen image encoder as the backbone of a network."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from diptych.models.borrowed import Borrowed
from diptych.types import Images


class FrozenBackbone(nn.Module):
    """The borrowed encoder's feature maps at chosen scales; it is neither trained nor saved with the borrower.

    `dims` maps scales (2: half of the picture's side) to the channels that the borrower expects there. `owner` and
    `setting` are what messages call the borrower and its expectation.
    """

    def __init__(self, dims: Mapping[int, int], *, owner: str, setting: str) -> None:
        super().__init__()
        self.dims, self.owner, self.setting = dict(dims), owner, setting
        self.borrowed = Borrowed()

    def set_backbone(self, backbone: nn.Module) -> None:
        """Take this image encoder; it has `grids(images)`, fine to coarse."""
        if not hasattr(backbone, "grids"):
            kind = type(backbone).__name__
            raise ValueError(f"{self.owner} cannot use a {kind}: borrow a captioner with image_encoder=cnn")
        self.borrowed.lend(backbone)

    def forward(self, images: Images) -> list[Tensor]:
        """One grid for each scale, as they stand in `dims`."""
        if self.borrowed.network is None:
            raise ValueError(
                f"{self.owner} uses a frozen captioner: name its run in parts.captioner.run "
                "(+parts.captioner.run=RUN +parts.captioner.task=captioning where the model has no such part)"
            )
        size = images.shape[-1]
        by_size = {grid.shape[-1]: grid for grid in self.borrowed.network.grids(images)}
        grids = [by_size.get(size // scale) for scale in self.dims]
        seen = [0 if grid is None else grid.shape[1] for grid in grids]
        if seen != list(self.dims.values()):
            wanted = list(self.dims.values())
            raise ValueError(f"{self.setting}={wanted}: this captioner has {seen} channels")
        return [grid for grid in grids if grid is not None]


def share_backbone(backbone: nn.Module, *networks: Any) -> None:
    """Lend the image encoder to those networks that have a place for one (`set_backbone`)."""
    for network in networks:
        if hasattr(network, "set_backbone"):
            network.set_backbone(backbone)


def has_backbones(*networks: nn.Module) -> bool:
    """Whether every frozen backbone inside these networks has been lent an image encoder."""
    modules = (module for network in networks for module in network.modules())
    backbones = (module.borrowed for module in modules if isinstance(module, FrozenBackbone))
    return all(backbone.network is not None for backbone in backbones)
