"""Small labelled pictures in memory, with captions that name their class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from diptych.data.example import Example, ExampleRequest, choose_captions, keyed_rng
from diptych.data.labelled.classes import Classes
from diptych.data.membership import Identity

LUMA = (0.299, 0.587, 0.114)
"""How bright red, green and blue are (ITU-R BT.601)."""


@dataclass(frozen=True)
class LabelledImages:
    """The `chosen` pictures of [all, channels, side, side]; `labels` are the numbers of their classes."""

    name: str
    images: Tensor
    labels: Sequence[int]
    classes: Classes
    chosen: Sequence[int]
    captions_per_image: int
    seed: int

    @property
    def size(self) -> int:
        return len(self.chosen)

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.classes.sentences(self.labels[self.chosen[index]])

    def label_texts_of(self, index: int) -> tuple[str, ...]:
        return (self.classes.labels[self.labels[self.chosen[index]]],)

    def identity_of(self, index: int) -> Identity:
        name = self._name_of(self.chosen[index])
        return Identity.of(name, name.encode())  # at any size it is the same picture

    def _name_of(self, number: int) -> str:
        return f"{self.name}/{number}"

    def __getitem__(self, request: ExampleRequest) -> Example:
        number, draw = self.chosen[request.index], request.draw
        references = self.captions_of(request.index)
        rng = keyed_rng(number) if draw is None else keyed_rng(self.seed, "caption", draw)
        return Example(
            key=self._name_of(number),
            sentences=choose_captions(references, self.captions_per_image, rng),
            references=references,
            image=self.images[number],
            labels=self.label_texts_of(request.index),
        )


def resized(images: Tensor, size: int) -> Tensor:
    """Pictures [n, channels, side, side] of bytes or floats at another size, bilinear with anti-aliasing."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Grey pictures with equal channels, which takes no memory; coloured ones as they are, or grey for 1 channel."""
    given = images.shape[1]
    if given == channels:
        return images
    if given == 1 and channels > 0:
        return images.expand(-1, channels, -1, -1)
    if channels == 1:
        return _grey(images)
    raise ValueError(f"data.channels={channels}: these pictures have {given} channels; set {given}, or 1 for grey")


def _grey(images: Tensor) -> Tensor:
    weights = torch.tensor(LUMA)[:, None, None]
    parts = [(part * weights).sum(1, keepdim=True) for part in images.split(1_000)]
    return torch.cat([part if images.is_floating_point() else part.round().to(images.dtype) for part in parts])
