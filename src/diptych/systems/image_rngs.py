"""Noise that depends on what is asked for and on nothing else, so that an image can be generated again.

Every image has a random generator of its own: image i of a noise key depends on (seed, key, i) alone, whatever else is
asked for beside it. The key is the sentence unless another one is given, so that noise can survive another sentence.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class ImageRequest:
    """Image `index` of a sentence; its noise follows from seed, noise key and index alone."""

    sentence: str
    noise_key: str
    seed: int = 0
    index: int = 0


def image_requests(
    sentences: Sequence[str],
    num_images: int = 1,
    seed: int | Sequence[int] = 0,
    noise_keys: Sequence[str] | None = None,
) -> list[ImageRequest]:
    """`num_images` images of each sentence, those of one sentence side by side; a noise key is the sentence by default.

    A seed, or one for each sentence, counts the images of a sentence from 0. Of one seed for each image, every image
    is the first of its seed: what a call with this sentence and seed alone gives.
    """
    keys = sentences if noise_keys is None else noise_keys
    pairs = [pair for pair in zip(sentences, keys, strict=True) for _ in range(num_images)]
    count = len(pairs)
    if isinstance(seed, int):
        seeds, indices = [seed] * count, list(range(num_images)) * len(sentences)
    elif len(seed) == len(sentences):
        seeds, indices = [one for one in seed for _ in range(num_images)], list(range(num_images)) * len(sentences)
    elif len(seed) == count:
        seeds, indices = list(seed), [0] * count
    else:
        some = f"{len(sentences)} sentences" + (f" with {num_images} images each" if num_images > 1 else "")
        raise ValueError(f"{len(seed)} seeds and {some}: give one seed, one for each sentence, or one for each image")
    return [ImageRequest(*pair, *noise) for pair, noise in zip(pairs, zip(seeds, indices, strict=True), strict=True)]


def seeds_of_rows(seed: int | Sequence[int], num_sentences: int, rows: int) -> int | list[int]:
    """The seeds where each sentence has so many rows of images, all of the same noise."""
    if isinstance(seed, int):
        return seed
    each = max(1, len(seed) // num_sentences)
    blocks = (seed[start : start + each] for start in range(0, len(seed), each))
    return [one for block in blocks for _ in range(rows) for one in block]


class ImageRngs:
    """One `torch.Generator` an image, on the CPU; draws come as one row an image, on `device`."""

    def __init__(self, images: Iterable[tuple[str, int]], *, seed: int, device: torch.device | str = "cpu") -> None:
        """`images` are pairs of a noise key and a number."""
        self.generators: Sequence[torch.Generator] = [_generator(seed, key, i) for key, i in images]
        self.device = device

    @classmethod
    def of(cls, requests: Iterable[ImageRequest], *, device: torch.device | str = "cpu") -> "ImageRngs":
        """The noise of these images, each by its own seed."""
        rngs = ImageRngs((), seed=0, device=device)
        rngs.generators = [_generator(request.seed, request.noise_key, request.index) for request in requests]
        return rngs

    def __len__(self) -> int:
        return len(self.generators)

    def split(self, size: int) -> list[Self]:
        """The same generators, `size` at a time."""
        starts = range(0, len(self), size)
        return [self._of(self.generators[start : start + size]) for start in starts]

    def randn(self, *shape: int, truncation: float | None = None) -> Float[Tensor, "images ..."]:
        """Standard normal values of this shape for each image.

        With `truncation`, values beyond it are drawn again (BigGAN, arXiv:1809.11096): less variety, safer images.
        """
        if truncation is None:
            return self._stacked([torch.empty(shape).normal_(generator=rng) for rng in self.generators])
        cut = torch.nn.init.trunc_normal_
        return self._stacked(
            [cut(torch.empty(shape), a=-truncation, b=truncation, generator=g) for g in self.generators]
        )

    def rand(self, *shape: int) -> Float[Tensor, "images ..."]:
        """Uniform values in [0, 1) of this shape for each image."""
        return self._stacked([torch.rand(shape, generator=rng) for rng in self.generators])

    def multinomial(self, probabilities: Float[Tensor, "images choices"]) -> Int[Tensor, " images"]:
        """One choice for each image, by the probabilities in its row."""
        rows = zip(probabilities.cpu(), self.generators, strict=True)
        return self._stacked([torch.multinomial(row, 1, generator=rng)[0] for row, rng in rows])

    def _of(self, generators: Sequence[torch.Generator]) -> Self:
        part = type(self)((), seed=0, device=self.device)
        part.generators = generators
        return part

    def _stacked(self, rows: list[Tensor]) -> Tensor:
        return torch.stack(rows).to(self.device)


class GivenLatents(ImageRngs):
    """Latents that are given, a row an image, as the first normal noise of a family; all else is drawn as ever."""

    def __init__(self, latents: Float[Tensor, "images ..."], rngs: ImageRngs) -> None:
        super().__init__((), seed=0, device=rngs.device)
        self.generators, self.rngs = rngs.generators, rngs
        self.latents: Tensor | None = latents.to(rngs.device)
        if len(latents) != len(rngs):
            raise ValueError(f"{len(latents)} rows of latents and {len(rngs)} images: give a row for each")

    def split(self, size: int) -> "list[GivenLatents]":  # pyright: ignore[reportIncompatibleMethodOverride]
        assert self.latents is not None
        return [GivenLatents(*part) for part in zip(self.latents.split(size), self.rngs.split(size), strict=True)]

    def randn(self, *shape: int, truncation: float | None = None) -> Float[Tensor, "images ..."]:
        latents, self.latents = self.latents, None
        if latents is None:
            return super().randn(*shape, truncation=truncation)
        if latents.shape[1:] != shape:
            raise ValueError(f"the latents of an image of this run are {tuple(shape)}, not {tuple(latents.shape[1:])}")
        return latents

    def rand(self, *shape: int) -> Float[Tensor, "images ..."]:
        if self.latents is not None:
            raise ValueError(
                "this family draws more than normal noise: it has no latents to be given; give a noise key"
            )
        return super().rand(*shape)


def digest_of_pixels(image: Tensor) -> str:
    """A noise key of an image: what tells it from others wherever it stands in a batch."""
    return hashlib.sha256(image.float().cpu().contiguous().numpy().tobytes()).hexdigest()


def _generator(seed: int, key: str, i: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {i} {key}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
