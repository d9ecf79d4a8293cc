"""The base of all augmentations: one random change of every image that a GAN's discriminator is shown.

An augmentation is one class, one file in `conf/augmentation` and one test. It is chosen by `augmentation=[…]` and has a
key in `augmentations`. Randomness is an argument: uniform numbers, a row an image, are drawn for the joint batch before
it is computed in parts. What is seen is computed in float32 where the step computes in half precision, and it can be
derived twice, which penalties on gradients need.

Sentences must stay true of what is seen, or the discriminator learns that left is right. So each class says what it may
make untrue, `breaks`; a GAN that reads sentences refuses it unless `may_break` accepts it.
"""

from collections.abc import Collection, Iterable
from itertools import accumulate, pairwise
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.types import Images, Logits

ASPECTS = ("colour", "size", "shape", "count", "position")
"""What sentences say of images."""

Numbers = Float[Tensor, "batch numbers"]
"""Uniform in [0, 1)."""


class Broken(NamedTuple):
    """What of a sentence may not be true any more, and why."""

    aspect: str
    reason: str


class Augmentation(nn.Module):
    """A change of each image that its own row of random numbers decides.

    `needs` names what it cannot do without, as those of terms do. `may_break` lists the aspects of sentences
    (`ASPECTS`) of which the user accepts that they may become untrue.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, may_break: Collection[str] = ()) -> None:
        super().__init__()
        if unknown := [aspect for aspect in may_break if aspect not in ASPECTS]:
            raise ValueError(f"may_break={list(may_break)}: {unknown[0]!r} is none of {', '.join(ASPECTS)}")
        self.may_break = tuple(may_break)

    def num_numbers(self, shape: torch.Size) -> int:
        """How many random numbers an image of a batch of this shape needs."""
        raise NotImplementedError(f"{type(self).__name__}: write num_numbers(shape)")

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        """The images as they are seen after so many images of training; `numbers` has `num_numbers` a row."""
        raise NotImplementedError(f"{type(self).__name__}: write forward(images, numbers, images_seen)")

    def breaks(self) -> list[Broken]:
        """All that may become untrue."""
        return []

    def not_accepted(self) -> list[Broken]:
        """What of it nobody has accepted."""
        return [broken for broken in self.breaks() if broken.aspect not in self.may_break]

    def observe(self, real_logits: Logits, boundary: float) -> None:
        """Called after each step of the discriminator with what it said of this device's real images.

        An image at the logit `boundary` is as likely real as generated.
        """

    def figures(self) -> dict[str, Tensor]:
        """What to log of it, by name."""
        return {}


class Operation(Augmentation):
    """One change of a given `strength`; up to `SAFE` it keeps sentences true.

    `ASPECT` is what a stronger one breaks, `REASON` says how. Up to the limits, every one of 200 rendered scenes still
    matches its sentence (`python benchmarks/augmented_sentences.py`).
    """

    SAFE: ClassVar[float]
    ASPECT: ClassVar[str]
    REASON: ClassVar[str]
    NUMBERS: ClassVar[int] = 1

    def __init__(self, *, strength: float, may_break: Collection[str] = ()) -> None:
        super().__init__(may_break=may_break)
        if strength < 0:
            raise ValueError(f"{type(self).__name__}: strength={strength} is negative; give 0 (no change) or more")
        self.strength = strength

    def num_numbers(self, shape: torch.Size) -> int:
        return self.NUMBERS

    def breaks(self) -> list[Broken]:
        if self.strength <= self.SAFE:
            return []
        named = type(self).__name__
        how = f"{named} of {self.strength:g} {self.REASON} ({self.SAFE:g} at most does not)"
        return [Broken(self.ASPECT, how if self.SAFE else f"{named} {self.REASON}")]


class Composition(Augmentation):
    """Several augmentations, one after the other, each with numbers of its own."""

    def __init__(self, operations: Iterable[Augmentation], *, may_break: Collection[str] = ()) -> None:
        super().__init__(may_break=may_break)
        self.operations = nn.ModuleList(operations)

    def num_numbers(self, shape: torch.Size) -> int:
        return sum(self.sizes(shape))

    def forward(self, images: Images, numbers: Numbers, images_seen: int = 0) -> Images:
        columns = pairwise(accumulate(self.sizes(images.shape), initial=0))
        for operation, (start, end) in zip(self.operations, columns, strict=True):
            images = self.applied(operation, images, numbers[:, start:end], images_seen)
        return images

    def sizes(self, shape: torch.Size) -> list[int]:
        """How many random numbers each of the operations has for an image of a batch of this shape."""
        return [operation.num_numbers(shape) for operation in self._all()]

    def applied(self, operation: nn.Module, images: Images, numbers: Numbers, images_seen: int) -> Images:
        """The images after one of the operations."""
        return operation(images, numbers, images_seen)

    def breaks(self) -> list[Broken]:
        return [broken for operation in self._all() for broken in operation.breaks()]

    def not_accepted(self) -> list[Broken]:
        left = (broken for operation in self._all() for broken in operation.not_accepted())
        return [broken for broken in left if broken.aspect not in self.may_break]

    def observe(self, real_logits: Logits, boundary: float) -> None:
        for operation in self._all():
            operation.observe(real_logits, boundary)

    def figures(self) -> dict[str, Tensor]:
        return {name: value for operation in self._all() for name, value in operation.figures().items()}

    def _all(self) -> list[Augmentation]:
        return [operation for operation in self.operations if isinstance(operation, Augmentation)]


def spread(numbers: Float[Tensor, " batch"], strength: float) -> Float[Tensor, "batch 1 1 1"]:
    """Uniform numbers in [-strength, strength), one an image, to reckon with pixels."""
    return (strength * (2 * numbers - 1))[:, None, None, None]


def whole_number(numbers: Float[Tensor, " batch"], choices: int) -> Int[Tensor, " batch"]:
    """Uniform numbers as whole ones from 0 to `choices` - 1, all equally likely."""
    return (numbers * choices).long().clamp(max=choices - 1)  # the product may be rounded up to `choices`
