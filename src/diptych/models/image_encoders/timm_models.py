"""Any classifier of the `timm` library, which is an extra, as an image encoder.

Regions are the cells of its last feature map, or the patches of a Transformer; the pooled vector is what its classifier
reads. Mean, deviation and size of pictures are the network's own: those of EfficientNet-Lite are not ImageNet's.
"""

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diptych.models.backbones import read_state_dict
from diptych.models.features import in_colour
from diptych.models.image_encoders.late_weights import LateWeights
from diptych.models.image_encoders.pixels import Normalisation
from diptych.models.image_encoders.regions import regions_of
from diptych.types import ImageFeatures, Images

log = logging.getLogger(__name__)


class TimmEncoder(LateWeights):
    """The network `architecture` of timm, frozen or to `finetune` as a whole.

    `weights` is the file of a state dict (.pth or .safetensors), read at the first forward pass; a network restored
    from a checkpoint needs none. `input_size` is the side to which pictures are resized (None: the network's own).
    `grid_size` averages the regions to so many rows and columns (None: all).
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        *,
        architecture: str,
        weights: str | None,
        input_size: int | None = None,
        grid_size: int | None = None,
        finetune: bool = False,
    ) -> None:
        super().__init__()
        if weights is None and not finetune:
            raise ValueError(
                f"image_encoder.weights=null leaves {architecture} random and frozen: name a file of weights, or let "
                "all of it learn with image_encoder.finetune=true"
            )
        self.architecture, self.weights = architecture, weights
        self.grid_size, self.finetune = grid_size, finetune
        self.network = _created(architecture)
        settings = self.network.pretrained_cfg
        self.input_size = input_size or settings["input_size"][-1]
        self.register_buffer("mean", torch.tensor(settings["mean"]))
        self.register_buffer("std", torch.tensor(settings["std"]))
        self.region_dim = self.network.num_features
        self.pooled_dim = getattr(self.network, "head_hidden_size", self.network.num_features)
        self.network.requires_grad_(finetune)
        self.train()

    def forward(self, images: Images) -> ImageFeatures:
        self.ensure_weights()
        normalised = Normalisation.of(self.mean.tolist(), self.std.tolist())
        features = self.network.forward_features(normalised(in_colour(images, self.input_size)))
        pooled = self.network.forward_head(features, pre_logits=True)
        return ImageFeatures(pooled, regions_of(self._grid(features), self.grid_size))

    def train(self, mode: bool = True) -> "TimmEncoder":
        return super().train(mode and self.finetune)

    def _grid(self, features: Tensor) -> Tensor:
        """[batch, channels, rows, columns] of a map in any order of axes, or of patches behind special tokens."""
        if features.ndim == 4:
            return features if features.shape[1] == self.region_dim else features.permute(0, 3, 1, 2)
        patches = features[:, getattr(self.network, "num_prefix_tokens", 0) :].transpose(1, 2)
        side = round(patches.shape[2] ** 0.5)
        return patches.unflatten(2, (side, side))

    def read_weights(self, weights: str) -> None:
        """From the file of a state dict."""
        path = Path(weights)
        given, own = _tensors_in(path), self.network.state_dict()
        self.network.load_state_dict(_fitted(given, own, path, self.architecture))


def _created(architecture: str) -> Any:
    """The network without its classifier and without weights."""
    try:
        timm = import_module("timm")
    except ModuleNotFoundError as error:
        if error.name != "timm":
            raise
        raise ValueError("image_encoder=timm needs timm; install it with: pip install 'diptych[timm]'") from None
    if architecture not in (known := timm.list_models()):
        near = timm.list_models(f"*{architecture.partition('_')[0]}*")[:5] or known[:5]
        raise ValueError(
            f"image_encoder.architecture={architecture}: timm {timm.__version__} has no such model; it has "
            f"{len(known):,}, such as {', '.join(near)}"
        )
    return timm.create_model(architecture, pretrained=False, num_classes=0)


def _tensors_in(path: Path) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        return read_state_dict(path)
    try:
        return import_module("safetensors.torch").load_file(path)
    except FileNotFoundError:
        raise ValueError(f"image_encoder.weights={path}: there is no such file") from None
    except Exception as error:
        raise ValueError(f"image_encoder.weights={path} cannot be read: {error}") from error


def _fitted(given: dict[str, Tensor], own: dict[str, Tensor], path: Path, architecture: str) -> dict[str, Tensor]:
    """The given tensors under the network's names; by their order where another library has named them."""
    if not (wrong := _unlike(given, own)):
        return {name: given[name] for name in own}
    values = list(given.values())[: len(own)]
    if len(values) == len(own) and all(map(_alike, given.items(), own.items())):
        log.warning(
            "image_encoder.weights=%s names its tensors in another way than %s; their %s shapes and last names agree "
            "one after the other, so they are taken in that order",
            path,
            architecture,
            f"{len(own):,}",
        )
        return dict(zip(own, values, strict=True))
    raise ValueError(
        f"image_encoder.weights={path} is not a state dict of {architecture}: {len(wrong)} of {len(own)} entries are "
        f"missing or of other shapes ({', '.join(wrong[:3])}, …)"
    )


def _alike(one: tuple[str, Tensor], other: tuple[str, Tensor]) -> bool:
    """Whether two tensors have one shape and one role: a weight is no bias, and a mean no variance."""
    return one[0].rpartition(".")[2] == other[0].rpartition(".")[2] and one[1].shape == other[1].shape


def _unlike(given: dict[str, Tensor], own: dict[str, Tensor]) -> list[str]:
    return [name for name in own if name not in given or given[name].shape != own[name].shape]
