"""torchvision's classifiers as image encoders: ResNet (He et al. 2015, arXiv:1512.03385), VGG (1409.1556), ConvNeXt.

Without its head a classifier gives a grid of H/32 x W/32 regions; the pooled vector is their mean. Images are in
[-1, 1], with one channel or three; they are normalised here with ImageNet's mean and standard deviation.

Pretrained weights are read at the first forward pass. A network restored from a checkpoint does not read them, so a
trained run needs neither the file nor the internet.
"""

from abc import abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from diptych.models.features import in_colour
from diptych.models.image_encoders.late_weights import LateWeights
from diptych.models.image_encoders.pixels import Normalisation
from diptych.models.image_encoders.regions import mean_and_regions
from diptych.types import ImageFeatures, Images

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NORMALISATION = Normalisation(IMAGENET_MEAN, IMAGENET_STD)


class Backbone(LateWeights):
    """Stages of a torchvision classifier; those before `train_from` are frozen (None: all of them).

    `weights` is the file of a state dict, a name of torchvision's weights (`IMAGENET1K_V1`, …, or `DEFAULT`; they are
    downloaded once), or None; then every stage must be trained. Frozen stages take no gradient, and their batch
    normalisation stays in evaluation mode; gradients still pass through them to the pixels. `input_size` resizes the
    images first: a region needs 32 pixels. `grid_size` averages the regions to so many rows and columns (None: all).
    """

    def __init__(
        self,
        *,
        architecture: str,
        weights: str | None = "DEFAULT",
        train_from: str | None = None,
        input_size: int | None = None,
        grid_size: int | None = None,
    ) -> None:
        super().__init__()
        self.architecture, self.input_size, self.grid_size = architecture, input_size, grid_size
        self.weights = _checked_weights(architecture, weights)
        self.stages = self.split(torchvision.models.get_model(architecture, weights=None))
        self.frozen = _before(train_from, list(self.stages))
        if weights is None and self.frozen:
            raise ValueError(
                f"image_encoder.weights=null leaves {', '.join(self.frozen)} of {architecture} random and frozen: give "
                f"weights, or train all of it with image_encoder.train_from={next(iter(self.stages))}"
            )
        for name in self.frozen:
            self.stages[name].requires_grad_(False)
        self.pooled_dim = self.region_dim = _channels(self.stages)
        self.train()

    @staticmethod
    @abstractmethod
    def split(classifier: Any) -> nn.ModuleDict:
        """The classifier without its head, as named stages in order."""

    def forward(self, images: Images) -> ImageFeatures:
        self.ensure_weights()
        grid = NORMALISATION(in_colour(images, self.input_size))
        for stage in self.stages.values():
            grid = stage(grid)
        return mean_and_regions(grid, self.grid_size)

    def train(self, mode: bool = True) -> "Backbone":
        super().train(mode)
        for name in self.frozen:
            self.stages[name].eval()
        return self

    def read_weights(self, weights: str) -> None:
        """From a file, or by torchvision's name."""
        by_name = hasattr(torchvision.models.get_model_weights(self.architecture), weights)
        if by_name:
            classifier = self._fetched(weights)
        else:
            classifier = torchvision.models.get_model(self.architecture, weights=None)
            _load_file(classifier, Path(weights), self.architecture)
        self.stages.load_state_dict(self.split(classifier).state_dict())

    def _fetched(self, weights: str) -> nn.Module:
        try:
            return torchvision.models.get_model(self.architecture, weights=weights)
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f"image_encoder.weights={weights}: torchvision could not download them ({error}); name a file that has "
                f"them, image_encoder.weights=FILE.pth, or train from scratch with image_encoder.weights=null "
                f"image_encoder.train_from={next(iter(self.stages))}"
            ) from error


class ResNetEncoder(Backbone):
    """resnet18, 34, 50, 101, 152; stages stem, layer1 … layer4."""

    @staticmethod
    def split(classifier: Any) -> nn.ModuleDict:
        """The stem is the first convolution, its normalisation, activation and max-pooling."""
        names = ("conv1", "bn1", "relu", "maxpool")
        stem = nn.Sequential(OrderedDict((name, getattr(classifier, name)) for name in names))
        layers = {f"layer{i}": getattr(classifier, f"layer{i}") for i in range(1, 5)}
        return nn.ModuleDict({"stem": stem, **layers})


class VGGEncoder(Backbone):
    """vgg11, 13, 16, 19, also with _bn; stages block1 … block5, each up to its max-pooling."""

    @staticmethod
    def split(classifier: Any) -> nn.ModuleDict:
        """A max-pooling ends a block."""
        blocks, block = [], nn.Sequential()
        for layer in classifier.features:
            block.append(layer)
            if isinstance(layer, nn.MaxPool2d):
                blocks.append(block)
                block = nn.Sequential()
        return nn.ModuleDict({f"block{i}": block for i, block in enumerate(blocks, start=1)})


class ConvNeXtEncoder(Backbone):
    """convnext_tiny, small, base, large (Liu et al. 2022, arXiv:2201.03545); stages stem, stage1 … stage4.

    A stage but the first begins by halving the grid. The normalisation before the classifier is left out.
    """

    @staticmethod
    def split(classifier: Any) -> nn.ModuleDict:
        """Halving layers belong to the stages behind them."""
        stem, first, *rest = classifier.features
        later = [nn.Sequential(halving, blocks) for halving, blocks in zip(rest[::2], rest[1::2], strict=True)]
        return nn.ModuleDict({"stem": stem, **{f"stage{i}": stage for i, stage in enumerate([first, *later], start=1)}})


def _checked_weights(architecture: str, weights: str | None) -> str | None:
    """Check without reading anything: a name of torchvision's weights, or a path."""
    known = torchvision.models.get_model_weights(architecture)
    if weights is not None and not hasattr(known, weights) and not Path(weights).suffix:
        names = ", ".join(entry.name for entry in known)
        raise ValueError(f"image_encoder.weights={weights}: {architecture} has {names}, DEFAULT, or give a file (.pth)")
    return weights


def _before(train_from: str | None, stages: list[str]) -> list[str]:
    if train_from is None:
        return stages
    if train_from not in stages:
        raise ValueError(f"image_encoder.train_from={train_from}: choose one of {', '.join(stages)}, or null (frozen)")
    return stages[: stages.index(train_from)]


def _channels(stages: nn.ModuleDict) -> int:
    """Output channels of the last convolution."""
    convolutions = [module for module in stages.modules() if isinstance(module, nn.Conv2d)]
    return convolutions[-1].out_channels


def _load_file(classifier: nn.Module, path: Path, architecture: str) -> None:
    """Fill all but the head from a state dict; the error names what does not fit."""
    given = read_state_dict(path)
    own = {k: v for k, v in classifier.state_dict().items() if not k.startswith(("fc.", "classifier."))}
    needed = {key for key in own if not key.endswith("num_batches_tracked")}
    problem = f"image_encoder.weights={path} is not a state dict of {architecture}"
    if missing := sorted(needed - given.keys()):
        raise ValueError(f"{problem}: it lacks {len(missing)} of {len(needed)} entries ({', '.join(missing[:5])}, …)")
    if wrong := [key for key in sorted(needed) if given[key].shape != own[key].shape]:
        shapes = f"{tuple(given[wrong[0]].shape)}, not {tuple(own[wrong[0]].shape)}"
        raise ValueError(f"{problem}: {wrong[0]} has shape {shapes}")
    classifier.load_state_dict({key: given[key] for key in own if key in given}, strict=False)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of weights, by name; nothing else in it is read."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"image_encoder.weights={path}: there is no such file") from None
    except Exception as error:
        raise ValueError(
            f"image_encoder.weights={path} is not a file of weights (a state dict by torch.save)"
        ) from error
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {key: value for key, value in content.items() if isinstance(value, Tensor)}
