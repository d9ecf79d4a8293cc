"""Walks from image to image: noise along a great circle, conditions along a line.

Latents of many dimensions have nearly one length, and the straight line between two of them leaves it: spherical
interpolation does not (Shoemake 1985; for generators White 2016, arXiv:1609.04468). Both ends are exact.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from diptych.systems.image_rngs import ImageRngs
from diptych.types import TextFeatures

LEAST_SINE = 1e-4
"""Below this sine of the angle between them, noises are interpolated along a line."""


class Stop(NamedTuple):
    """An image on a walk: a sentence, and the noise of `generate` with this key and number."""

    sentence: str
    noise_key: str
    number: int = 0


def stops_of(sentences: Sequence[str], numbers: Sequence[int], noise_keys: Sequence[str] | None) -> list[Stop]:
    """A stop for each sentence and number; one of either stands for all. Noise is the first sentence's by default."""
    length = max(len(sentences), len(numbers))
    keys = noise_keys or sentences[:1]
    for name, values in (("sentences", sentences), ("numbers", numbers), ("noise_keys", keys)):
        if len(values) not in (1, length):
            raise ValueError(f"the walk has {length} stops and {len(values)} {name}: give one, or one for each stop")
    columns = (values * length if len(values) == 1 else values for values in map(list, (sentences, keys, numbers)))
    return [Stop(*stop) for stop in zip(*columns, strict=True)]


class WalkRngs(ImageRngs):
    """Noise at `share` (0 to 1) of the way from that of `first` to that of `last`."""

    def __init__(self, first: ImageRngs, last: ImageRngs, share: float) -> None:
        super().__init__((), seed=0, device=first.device)
        self.generators = first.generators
        self.first, self.last, self.share = first, last, share

    def randn(self, *shape: int, truncation: float | None = None) -> Float[Tensor, "images ..."]:
        first, last = (rngs.randn(*shape, truncation=truncation) for rngs in (self.first, self.last))
        return slerp(first, last, self.share)

    def rand(self, *shape: int) -> Float[Tensor, "images ..."]:
        raise ValueError("this family draws more than normal noise: there is no walk between its images")

    def multinomial(self, probabilities: Float[Tensor, "images choices"]) -> Tensor:
        raise ValueError("this family draws more than normal noise: there is no walk between its images")


def slerp(first: Float[Tensor, "images ..."], last: Float[Tensor, "images ..."], share: float) -> Float[Tensor, "..."]:
    """Spherical interpolation of each row; along a line where both have nearly the same or opposite directions."""
    if share in (0, 1):
        return last if share else first
    a, b = first.flatten(1).double(), last.flatten(1).double()  # the arc cosine of float32 is 3e-4 wrong near 1
    angle = cosine_similarity(a, b).clamp(-1, 1).acos()[:, None]
    sine = angle.sin()
    circle = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / sine
    between = torch.where(sine < LEAST_SINE, torch.lerp(a, b, share), circle)
    return between.to(first.dtype).unflatten(1, first.shape[1:])


def blended(first: TextFeatures, last: TextFeatures, share: float) -> TextFeatures:
    """Vectors on the line between two sentences'; between the ends, the words of both are read."""
    if share in (0, 1):
        return last if share else first
    sentence, words = (torch.lerp(a, b, share) for a, b in zip(first[:2], last[:2], strict=True))
    return TextFeatures(sentence, words, first.mask | last.mask)


def on_the_way(num_stops: int, frames: int) -> Iterator[tuple[int, int, float]]:
    """(stop, next stop, share of the way) of every frame: `frames` from each stop to the next, with both of them."""
    for leg, (here, there) in enumerate(pairwise(range(num_stops))):
        for frame in range(min(leg, 1), frames):
            yield here, there, frame / (frames - 1)


def check_walk(stops: Sequence[Stop], frames: int) -> None:
    """Refuse walks that lead nowhere."""
    if len(stops) < 2:
        raise ValueError("a walk needs two sentences, or two noises of one")
    if frames < 2:
        raise ValueError(f"frames={frames}: a walk has at least its two ends")
