"""Generated images as a set beside real ones: how far apart, how plausible, how varied, as a feature network sees it.

Both the generated pictures and the true pictures of the very same examples are held against one set of other real
pictures, of the same number. What the true ones reach stands beside each figure, as its reference: it is what
the figure is for real images at this n, the noise floor of a distance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.evaluation.generation.features import look, protocol_of
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import PICTURES, Figure
from diptych.metrics.pictures import (
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    manifold_scores,
    ms_ssim_diversity,
    vendi_score,
)
from diptych.metrics.pictures.frechet import least_vectors
from diptych.metrics.statistics import Interval
from diptych.models.features import FeatureNetwork
from diptych.types import Images, Track

NOTE = (
    "Sets of images, as {network} sees them: {n:,} generated ones against as many real ones. Reference: true images of "
    "the same examples against the same real ones. All of it depends on n and on the network."
)
FRECHET, LIMIT, KERNEL = "frechet_distance", "frechet_distance_limit", "kernel_distance"
VENDI, MS_SSIM = "vendi_score", "ms_ssim_diversity"
NAMES = {
    FRECHET: "Fréchet distance",
    LIMIT: "Fréchet distance, n to infinity",
    VENDI: "Vendi score",
    MS_SSIM: "MS-SSIM diversity",
}
RECALL = "recall"
SHARES = {
    RECALL: "real pictures that lie among generated ones",
    "precision": "generated pictures that lie among real ones",
    "coverage": "real pictures with a generated one in their neighbourhood",
    "density": "real neighbourhoods around a generated picture, of 5; may exceed 1",
}
BESIDE = {"precision": RECALL, "density": "coverage"}
"""What says how plausible images are, and what says how many of the real ones they cover: noise may have all of the
first and nothing of the second."""
LEAST_PICTURES = 40
NEAR_NONE = 0.05
"""Of the recall of real images; of the way from one image, again and again, to their Vendi score."""

Vectors = Float[Tensor, "n dim"]


@dataclass(frozen=True)
class Sets:
    """Equally many generated pictures, true pictures of the same examples, and other real pictures, with their vectors.

    `seed` chooses pairs and subsets; `force` gives the Fréchet distance of fewer pictures than ten a dimension.
    """

    generated: Images
    true: Images
    generated_vectors: Vectors
    true_vectors: Vectors
    real_vectors: Vectors
    seed: int
    force: bool = False

    @property
    def n(self) -> int:
        """How many pictures each set has."""
        return len(self.real_vectors)

    @property
    def dim(self) -> int:
        """Of a vector."""
        return self.real_vectors.shape[1]


@dataclass(frozen=True)
class Compared:
    """The figures, each with the protocol by which it was measured; notes that belong to them, and what comes first."""

    figures: Sequence[Figure]
    notes: Sequence[str] = ()
    alert: str = ""


def compared_sets(
    generated: Images, held_out: HeldOut, network: FeatureNetwork, *, seed: int, force: bool = False, track: Track
) -> Compared:
    """Generated images as a set beside real ones."""
    trio = equally_many(generated, held_out)
    num = len(trio[0])
    if num < LEAST_PICTURES:
        note = f"{num} generated and {num} other real images are too few; it takes {LEAST_PICTURES} of each"
        return Compared([Figure(FRECHET, None, name=NAMES[FRECHET], note=note, percent=False)])
    vectors = [look(network, images, track=track, description="comparing images") for images in trio]
    sets = Sets(trio[0], trio[1], *vectors, seed=seed, force=force)
    protocol = {"n_generated": num, "n_real": num, "dim": sets.dim, **protocol_of(network), "seed": seed}
    figures = [replace(f, protocol=protocol, name=NAMES.get(f.key, f.name)) for f in figures_of(sets)]
    return Compared(figures, [NOTE.format(network=network.name, n=num)], why_collapsed(figures))


def why_collapsed(figures: Sequence[Figure]) -> str:
    """That a set has lost the variety of the real images, in words; "" where it has not, or nobody can say."""
    by_key = {figure.key: figure for figure in figures}
    reasons = [*_without_recall(by_key.get(RECALL)), *_without_variety(by_key.get(VENDI))]
    if not reasons:
        return ""
    return f"collapsed: {' and '.join(reasons)}; precision and density say nothing of such images"


def _without_recall(recall: Figure | None) -> Iterator[str]:
    if recall is None or recall.value is None or not recall.reference:
        return
    if recall.value < NEAR_NONE * recall.reference:
        yield f"recall is {100 * recall.value:.1f} % (of real images {100 * recall.reference:.1f} %)"


def _without_variety(vendi: Figure | None) -> Iterator[str]:
    if vendi is None or vendi.value is None or vendi.reference is None:
        return
    if vendi.value - 1 < NEAR_NONE * (vendi.reference - 1):
        yield f"the Vendi score is {vendi.value:.2f} (of real images {vendi.reference:.2f})"


def equally_many(generated: Images, held_out: HeldOut) -> tuple[Images, Images, Images]:
    """Generated, true and other real pictures; where the split has too few others, it is cut into halves."""
    real = held_out.images if held_out.spare is None else torch.cat([held_out.images, held_out.spare])
    num = min(len(generated), len(real) // 2)
    return generated[:num], real[:num], real[num : 2 * num]


def figures_of(sets: Sets) -> list[Figure]:
    """One line a figure."""
    return [_frechet(sets), _frechet_limit(sets), _kernel(sets), *_shares(sets), _vendi(sets), _ms_ssim(sets)]


def _frechet(sets: Sets) -> Figure:
    least = least_vectors(sets.dim)
    if sets.n < least and not sets.force:
        reason = (
            f"of {sets.n:,} pictures in {sets.dim:,} dimensions it is mostly bias: --num {least} or more, or --force"
        )
        return Figure(FRECHET, None, note=reason, percent=False)
    return _distance(FRECHET, sets, lambda vectors: frechet_distance(vectors, sets.real_vectors, force=True))


def _frechet_limit(sets: Sets) -> Figure:
    """Where it cannot be extrapolated, the reason."""
    try:
        return _distance(LIMIT, sets, lambda vectors: frechet_infinity(vectors, sets.real_vectors, _rng(sets)))
    except ValueError as error:
        return Figure(LIMIT, None, note=str(error), percent=False)


def _distance(key: str, sets: Sets, distance: Callable[[Vectors], float]) -> Figure:
    generated, true = distance(sets.generated_vectors), distance(sets.true_vectors)
    return Figure(key, generated, sets.n, reference=true, note="lower is better", percent=False)


def _kernel(sets: Sets) -> Figure:
    generated, true = (kernel_distance(v, sets.real_vectors) for v in (sets.generated_vectors, sets.true_vectors))
    note = f"lower is better; standard error {generated.standard_error:.2g}, of true pictures {true.standard_error:.2g}"
    low, high = (generated.value + times * generated.standard_error for times in (-2, 2))
    interval = Interval(low, high, PICTURES, "two standard errors, block jackknife", sets.n)
    return Figure.of(KERNEL, generated.value, sets.n, interval, reference=true.value, note=note, percent=False)


def _shares(sets: Sets) -> list[Figure]:
    generated, true = (manifold_scores(sets.real_vectors, v) for v in (sets.generated_vectors, sets.true_vectors))
    return [
        Figure(
            name,
            getattr(generated, name),
            sets.n,
            reference=getattr(true, name),
            note=note,
            percent=name != "density",
            finding=f"beside {BESIDE[name]} {100 * getattr(generated, BESIDE[name]):.1f} %" if name in BESIDE else "",
        )
        for name, note in SHARES.items()
    ]


def _vendi(sets: Sets) -> Figure:
    """Where vectors have no direction, the reason."""
    try:
        generated, true = vendi_score(sets.generated_vectors), vendi_score(sets.true_vectors)
    except ValueError as error:
        return Figure(VENDI, None, note=str(error), percent=False)
    return Figure(
        VENDI, generated, sets.n, reference=true, note="effective number of different pictures", percent=False
    )


def _ms_ssim(sets: Sets) -> Figure:
    """Where pictures are too small for it, the reason."""
    try:
        generated, true = (ms_ssim_diversity(images, _rng(sets)) for images in (sets.generated, sets.true))
    except ValueError as error:
        return Figure(MS_SSIM, None, note=str(error), percent=False)
    note = "one minus the mean similarity of random pairs"
    return Figure(MS_SSIM, generated, sets.n, reference=true, note=note, percent=False)


def _rng(sets: Sets) -> torch.Generator:
    return torch.Generator().manual_seed(sets.seed)
