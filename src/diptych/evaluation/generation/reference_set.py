"""Real images, as a feature network sees them, that generated ones are held against: from memory or from a file.

A file (`.npz`) has the mean `mu` and the covariance `sigma` of all vectors, as the field's statistics files do, some of
the vectors themselves for whatever needs them, and `about`: from which images, how many, read how and seen by which
network. Statistics of another network or of images that were read otherwise are refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.config.errors import UserError
from diptych.data.folders.arrays import read_arrays
from diptych.evaluation.generation.features import look, protocol_of
from diptych.metrics.pictures import frechet_distance
from diptych.metrics.pictures.frechet import Gaussian, gaussian_distance
from diptych.models.features import FeatureNetwork
from diptych.types import Images, Track

SUFFIX = ".npz"
MOST_VECTORS = 10_000
"""Vectors that a file keeps; its mean and covariance are of all."""
AS_THEY_ARE = "as they are"

Vectors = Float[Tensor, "n dim"]


@dataclass(frozen=True)
class ReferenceSet:
    """`vectors` of real images, all of them or the first ones; `about` says of which, and what saw them.

    `whole` is the Gaussian of all `num`, where the vectors are not all there are.
    """

    vectors: Vectors
    about: Mapping[str, Any]
    whole: Gaussian | None = None

    @property
    def num(self) -> int:
        """How many images it is of."""
        return int(self.about.get("num", len(self.vectors)))

    @property
    def label(self) -> str:
        """`2,104 images of photos (train)`."""
        return f"{self.num:,} images of {self.about.get('data', 'unknown data')}"

    @cached_property
    def gaussian(self) -> Gaussian:
        return self.whole or Gaussian.of(self.vectors)

    def frechet_distance(self, vectors: Float[Tensor, "m dim"]) -> float:
        """To these vectors, however few they are."""
        if self.whole is None:
            return frechet_distance(vectors, self.vectors, force=True)
        return gaussian_distance(Gaussian.of(vectors), self.whole)

    def save(self, path: Path) -> Path:
        """Write the file; `load` is the inverse."""
        gaussian = self.gaussian
        with path.open("wb") as file:
            np.savez(
                file,
                mu=gaussian.mean.numpy(),
                sigma=gaussian.covariance.numpy(),
                vectors=self.vectors[:MOST_VECTORS].float().numpy(),
                about=np.array(json.dumps({**self.about, "num": self.num})),
            )
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """A UserError says what is wrong with the file."""
        try:
            file = read_arrays(path)
            about = json.loads(str(file["about"]))
            mean, covariance, vectors = (torch.from_numpy(file[key]) for key in ("mu", "sigma", "vectors"))
            dim = len(mean)
            if covariance.shape != (dim, dim) or vectors.shape[1:] != (dim,) or not isinstance(about, dict):
                raise ValueError("its parts do not fit each other")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UserError(
                f"{path} holds no reference statistics of diptych ({error}): write them with --save-statistics"
            ) from error
        return cls(vectors, about, Gaussian(mean.double(), covariance.double()))

    def check_seen_by(self, network: FeatureNetwork, *, read: str) -> None:
        """Refuse statistics of another network, or of images that were read otherwise."""
        wanted = {"read": read, **protocol_of(network)}
        differing = [key for key, value in wanted.items() if self.about.get(key) != value]
        if differing:
            key = differing[0]
            raise UserError(
                f"--against: the statistics of {self.label} have {key} {self.about.get(key)!r}, not {wanted[key]!r}: "
                "take the same --features and images, or write them again with --save-statistics"
            )


def reference_set(
    images: Images, network: FeatureNetwork, *, data: str, read: str, track: Track, description: str
) -> ReferenceSet:
    """The set of these images."""
    vectors = look(network, images, track=track, description=description)
    return described(vectors, network, data=data, read=read)


def described(vectors: Vectors, network: FeatureNetwork, *, data: str, read: str) -> ReferenceSet:
    """The set of these vectors; to be asked once the network has looked."""
    about = {"data": data, "num": len(vectors), "read": read, "dim": vectors.shape[1], **protocol_of(network)}
    return ReferenceSet(vectors, about)


def squares(size: int) -> str:
    """How the images of data are read: the centre square, at so many pixels a side."""
    return f"centre square, {size} px"
