"""CLIP's image tower (Radford et al. 2021, arXiv:2103.00020), by the `transformers` library, which is an extra.

The pooled vector is `image_embeds`, the projection into the space that sentences share. Regions are the patches of the
last layer, normalised as its class token is.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from diptych.models.features import in_colour
from diptych.models.image_encoders.clip_pixels import clip_normalisation
from diptych.models.image_encoders.pixels import Normalisation
from diptych.models.image_encoders.regions import regions_of
from diptych.models.text_encoders.pretrained.source import (
    Blueprint,
    architecture_of,
    folder_of,
    opened_network,
    rebuilt,
)
from diptych.types import ImageFeatures, Images

NETWORK, ROLE = "CLIPVisionModelWithProjection", "image_encoder"


class CLIPImageEncoder(nn.Module):
    """A vision tower with its projection, frozen or to `finetune` as a whole.

    `pretrained` is a folder that `save_pretrained` wrote (of a whole CLIP or of its vision tower),
    `pkg://PACKAGE/FOLDER` of an installed package, or a name on the hub at `revision`. Pictures are resized to the size
    that the tower was trained with. `grid_size` averages the regions to so many rows and columns (None: all). With a
    `blueprint` nothing is read, and a state dict must follow.
    """

    def __init__(
        self,
        *,
        pretrained: str,
        revision: str | None = None,
        grid_size: int | None = None,
        finetune: bool = False,
        blueprint: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if blueprint is None:
            self.network, self.blueprint = _opened(pretrained, revision)
        else:
            self.blueprint = dict(blueprint)
            self.network = rebuilt(NETWORK, Blueprint(blueprint["architecture"], "", 0))
        settings = self.network.config
        self.normalise = Normalisation.of(self.blueprint["mean"], self.blueprint["std"])
        self.input_size, self.grid_size, self.finetune = settings.image_size, grid_size, finetune
        self.pooled_dim, self.region_dim = settings.projection_dim, settings.hidden_size
        self.network.requires_grad_(finetune)
        self.train()

    def forward(self, images: Images) -> ImageFeatures:
        said = self.network(pixel_values=self.normalise(in_colour(images, self.input_size)))
        patches = self.network.vision_model.post_layernorm(said.last_hidden_state[:, 1:]).transpose(1, 2)
        side = round(patches.shape[2] ** 0.5)
        return ImageFeatures(said.image_embeds, regions_of(patches.unflatten(2, (side, side)), self.grid_size))

    def train(self, mode: bool = True) -> "CLIPImageEncoder":
        return super().train(mode and self.finetune)


def _opened(pretrained: str, revision: str | None) -> tuple[Any, dict[str, Any]]:
    """The tower with its weights, and what it is rebuilt from."""
    folder = folder_of(pretrained, revision, role=ROLE)
    network = opened_network(NETWORK, folder, pretrained, role=ROLE)
    colours = clip_normalisation(folder)
    return network, {"architecture": architecture_of(network), "mean": list(colours.mean), "std": list(colours.std)}
