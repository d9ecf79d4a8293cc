"""CLIPScore and RefCLIPScore (Hessel et al. 2021, arXiv:2104.08718): how near captions are to images, by CLIP.

Of vectors of length 1. Sentences are to be embedded with `PREFIX` before them, references too.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

WEIGHT = 2.5
"""Stretches cosines, which hardly pass 0.4, to about [0, 1]."""
PREFIX = "A photo depicts "

Vectors = Float[Tensor, "captions dim"]
Scores = Float[Tensor, " captions"]


def clip_scores(images: Vectors, captions: Vectors) -> Scores:
    """2.5 max(cos, 0) of each image and its caption."""
    return WEIGHT * (images * captions).sum(dim=1).clamp(min=0)


def ref_clip_scores(scores: Scores, captions: Vectors, references: Sequence[Float[Tensor, "_ dim"]]) -> Scores:
    """The harmonic mean of CLIPScore and the caption's highest cosine with a reference, at least 0.

    Where either is 0, the mean is 0.
    """
    nearest = [(own @ caption).amax().clamp(min=0) for own, caption in zip(references, captions, strict=True)]
    return harmonic_means(scores, torch.stack(nearest))


def harmonic_means(one: Scores, other: Scores) -> Scores:
    """2 a b / (a + b), of numbers of 0 or more."""
    total = one + other
    return torch.where(total > 0, 2 * one * other / total.clamp(min=torch.finfo(total.dtype).tiny), 0.0)
