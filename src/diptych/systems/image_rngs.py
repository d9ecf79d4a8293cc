"""Noise that depends on what is asked for and on nothing else, so that an image can be generated again.

Every image has a random generator of its own: image i of a noise key depends on (seed, key, i) alone, whatever else is
asked for beside it. The key is the sentence unless another one is given, so that noise can survive another sentence.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor


class ImageRngs:
    """One `torch.Generator` an image, on the CPU; draws come as one row an image, on `device`."""

    def __init__(self, images: Iterable[tuple[str, int]], *, seed: int, device: torch.device | str = "cpu") -> None:
        """`images` are pairs of a noise key and a number."""
        self.generators: Sequence[torch.Generator] = [_generator(seed, key, i) for key, i in images]
        self.device = device

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


def digest_of_pixels(image: Tensor) -> str:
    """A noise key of an image: what tells it from others wherever it stands in a batch."""
    return hashlib.sha256(image.float().cpu().contiguous().numpy().tobytes()).hexdigest()


def _generator(seed: int, key: str, i: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {i} {key}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
