"""How varied a set of pictures is, by itself: no real pictures are asked for, so mush and noise may look varied."""

from math import log

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

NUM_PAIRS = 250
WINDOW = 11
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales of Wang et al. 2003, fine to coarse."""


def vendi_score(features: Float[Tensor, "n dim"]) -> float:
    """The effective number of different pictures, 1 to n (Friedman & Dieng 2023, arXiv:2210.02410).

    The exponential of the entropy of the cosine similarities' eigenvalues over n, in float64. It grows with n, so only
    equal n compare. Similarities of n vectors and their dim x dim dual have the same eigenvalues: the smaller is taken.
    A ValueError where vectors have no direction: the shares would no longer add up to one.
    """
    directions = _directions(features)
    wide = directions.shape[0] < directions.shape[1]
    gram = directions @ directions.T if wide else directions.T @ directions
    shares = torch.linalg.eigvalsh(gram / len(features)).clamp(min=0)
    return float(torch.special.entr(shares).sum().exp())


def inception_score(logits: Float[Tensor, "n classes"], *, num_splits: int = 1) -> float:
    """Exp E KL(p(y|x) || p(y)), 1 to the number of classes (Salimans et al. 2016, arXiv:1606.03498).

    The literature splits 50,000 pictures, in the order in which they come, into 10 and takes the mean. It says how
    sure a classifier is and how evenly it decides, nothing of real pictures.
    """
    log_probs = logits.double().log_softmax(dim=1)
    return sum(map(_one_split, log_probs.tensor_split(num_splits))) / num_splits


def ms_ssim_diversity(
    images: Float[Tensor, "n channels height width"], rng: torch.Generator, *, num_pairs: int = NUM_PAIRS
) -> float:
    """One minus the mean multi-scale structural similarity of random pairs (Odena et al. 2017, arXiv:1610.09585).

    0 for one picture again and again. Pictures in [-1, 1]; of the five scales as many are used as the 11-pixel window
    allows (two at 32 px, three at 64 px, five from 176 px on), so only equal sizes compare.
    """
    first, second = _pairs_of(len(images), num_pairs, rng)
    pixels = (images.double() + 1) / 2
    weights = torch.tensor(SCALE_WEIGHTS[: num_scales(min(images.shape[-2:]))])
    similarity = multiscale_structural_similarity_index_measure(
        pixels[first], pixels[second], data_range=1.0, betas=tuple((weights / weights.sum()).tolist())
    )
    return 1 - float(similarity)


def num_scales(side: int) -> int:
    """How many scales the window fits into; torchmetrics is more cautious at four than it had to be."""
    if side < WINDOW:
        raise ValueError(f"structural similarity needs pictures of {WINDOW} pixels a side, not {side}")
    return max(n for n in range(1, len(SCALE_WEIGHTS) + 1) if side >= WINDOW * max(2 ** (n - 1), (n - 1) ** 2))


def _directions(features: Float[Tensor, "n dim"]) -> Float[Tensor, "n dim"]:
    """In float64 and of length one; what is no longer than the rounding of the longest one points nowhere."""
    vectors = features.double()
    lengths = vectors.norm(dim=1)
    known = lengths.nan_to_num(nan=0, posinf=0)
    lost = int((known <= torch.finfo(features.dtype).eps * known.max()).sum())
    if lost:
        raise ValueError(
            f"{lost:,} of {len(features):,} vectors are zero or not finite: without a direction they have no cosine "
            "similarities, of which the Vendi score is"
        )
    return vectors / lengths[:, None]


def _one_split(log_probs: Float[Tensor, "n classes"]) -> float:
    probs, log_mean = log_probs.exp(), log_probs.logsumexp(dim=0) - log(len(log_probs))
    divergence = torch.where(probs > 0, probs * (log_probs - log_mean), 0).sum(dim=1)
    return float(divergence.mean().exp())


def _pairs_of(num: int, num_pairs: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each of two different pictures."""
    if num < 2:
        raise ValueError("diversity is of two pictures or more")
    first = torch.randint(num, (num_pairs,), generator=rng)
    step = torch.randint(1, num, (num_pairs,), generator=rng)
    return first, (first + step) % num
