"""Generated images as a set beside real ones: how far apart, how plausible, how varied, as a feature network sees it.

Both the generated pictures and the true pictures of the very same examples are held against one set of real pictures:
other ones of the split, as many, or those that `--against` names. What the true ones reach stands beside each figure,
as its reference: it is what the figure is for real images at this n, the noise floor of a distance.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.evaluation.generation.against import WAYS
from diptych.evaluation.generation.features import look, protocol_of
from diptych.evaluation.generation.reference_set import ReferenceSet, reference_set, squares
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import PICTURES, Figure
from diptych.metrics.pictures import (
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
    "Sets of images, as {network} sees them: {n:,} generated ones against {real:,} real ones. Reference: true images "
    "of the same examples against the same real ones. All of it depends on n and on the network."
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
LEAST_OF_RANDOM = least_vectors(64)
"""Images that the Fréchet distance takes with conf/features/random.yaml."""
NEAR_NONE = 0.05
"""Of the recall of real images; of the way from one image, again and again, to their Vendi score."""

Vectors = Float[Tensor, "n dim"]
T = TypeVar("T")


@dataclass(frozen=True)
class Sets:
    """Generated pictures, true pictures of the same examples if there are any, and real pictures, with their vectors.

    Distances use all of them; whatever depends on n uses equally many of each. `seed` chooses pairs and subsets;
    `force` gives the Fréchet distance of fewer pictures than ten a dimension, and `ways` says how to have more.
    """

    generated: Images
    true: Images | None
    generated_vectors: Vectors
    true_vectors: Vectors | None
    real: ReferenceSet
    seed: int
    force: bool = False
    ways: str = ""

    @property
    def n(self) -> int:
        """How many generated pictures there are."""
        return len(self.generated_vectors)

    @property
    def equal_n(self) -> int:
        """How many pictures of each set there are at least."""
        sets = (self.generated_vectors, self.true_vectors, self.real.vectors)
        return min(len(vectors) for vectors in sets if vectors is not None)

    @property
    def dim(self) -> int:
        """Of a vector."""
        return self.real.vectors.shape[1]

    def both(self, measure: Callable[[Vectors], T]) -> tuple[T, T | None]:
        """Of the generated vectors and of the true ones, all of them."""
        return measure(self.generated_vectors), None if self.true_vectors is None else measure(self.true_vectors)

    def equally_many(self) -> "Sets":
        """The first ones of each set."""
        n, true, vectors = self.equal_n, self.true, self.true_vectors
        return replace(
            self,
            generated=self.generated[:n],
            true=None if true is None else true[:n],
            generated_vectors=self.generated_vectors[:n],
            true_vectors=None if vectors is None else vectors[:n],
            real=ReferenceSet(self.real.vectors[:n], {}),
        )


@dataclass(frozen=True)
class Compared:
    """The figures, each with the protocol by which it was measured; notes that belong to them, and what comes first."""

    figures: Sequence[Figure]
    notes: Sequence[str] = ()
    alert: str = ""


def compared_sets(
    generated: Images,
    held_out: HeldOut,
    network: FeatureNetwork,
    *,
    seed: int,
    force: bool = False,
    real: ReferenceSet | None = None,
    track: Track,
) -> Compared:
    """Generated images as a set beside `real` ones, or beside other ones of the split."""
    if real is None:
        generated, true, others = equally_many(generated, held_out)
        if len(true) < LEAST_PICTURES:
            return too_few(len(generated), len(true), WAYS)
        words = {"data": held_out.name, "read": squares(held_out.image_size), "description": "comparing images"}
        beside, ways = reference_set(others, network, track=track, **words), _ways(held_out, len(true))
    else:
        true, beside = held_out.images, real
        ways = "--num" if real.num >= least_vectors(real.vectors.shape[1]) else WAYS
    vectors = [look(network, images, track=track, description="comparing images") for images in (generated, true)]
    seen, true_seen = vectors
    sets = Sets(generated, true, seen, true_seen, beside, seed=seed, force=force, ways=ways)
    compared = compared_vectors(sets, network)
    if real is None:
        return compared
    protocol = {"against": dict(real.about)}
    return replace(compared, figures=[replace(f, protocol={**f.protocol, **protocol}) for f in compared.figures])


def compared_vectors(sets: Sets, network: FeatureNetwork) -> Compared:
    """The same of sets that the network has looked at."""
    if min(sets.equal_n, sets.real.num) < LEAST_PICTURES:
        return too_few(sets.n, sets.real.num, sets.ways)
    protocol = {"n_generated": sets.n, "n_real": sets.real.num, "dim": sets.dim, **protocol_of(network)}
    protocol |= {"seed": sets.seed}
    figures = [replace(f, protocol=protocol, name=NAMES.get(f.key, f.name)) for f in figures_of(sets)]
    note = NOTE.format(network=network.name, n=sets.n, real=sets.real.num)
    return Compared(figures, [note], why_without_variety(figures))


def too_few(num_generated: int, num_real: int, ways: str) -> Compared:
    """Of a handful nothing can be said."""
    words = f"{num_generated:,} generated and {num_real:,} real images are too few; it takes {LEAST_PICTURES} of each"
    note = "; ".join(filter(None, (words, ways)))
    return Compared([Figure(FRECHET, None, name=NAMES[FRECHET], note=note, percent=False)])


def _ways(held_out: HeldOut, num: int) -> str:
    """How to have more images: by their number, or where the split has no more of them, from elsewhere."""
    has_more = held_out.available is None or held_out.available > 2 * num + 1
    return "--num" if has_more or held_out.spec.world else WAYS


def why_without_variety(figures: Sequence[Figure]) -> str:
    """That a set has lost the variety of the real images, in words; "" where it has not, or nobody can say."""
    by_key = {figure.key: figure for figure in figures}
    reasons = [*_without_recall(by_key.get(RECALL)), *_without_variety(by_key.get(VENDI))]
    if not reasons:
        return ""
    return f"collapsed: {' and '.join(reasons)}; precision and density say nothing of such images"


def _without_recall(recall: Figure | None) -> Iterator[str]:
    if recall is None or recall.value is None or recall.reference == 0:
        return
    if recall.reference is None and recall.value == 0:
        yield "recall is 0.0 %"
    elif recall.reference and recall.value < NEAR_NONE * recall.reference:
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
    equal = sets.equally_many()
    return [_frechet(sets), _frechet_limit(sets), _kernel(sets), *_shares(equal), _vendi(equal), _ms_ssim(equal)]


def _frechet(sets: Sets) -> Figure:
    """Where it would be mostly bias, how many images it takes, and how to have them."""
    least, fewer = least_vectors(sets.dim), min(sets.n, sets.real.num)
    if fewer < least and not sets.force:
        reason = (
            f"of {fewer:,} images in {sets.dim:,} dimensions it is mostly bias: it takes {least:,}, ten a dimension "
            f"(below {sets.dim + 1:,} covariances are singular): {_ways_to(least, sets.ways)}, or --force"
        )
        return Figure(FRECHET, None, note=reason, percent=False)
    return _distance(FRECHET, sets, sets.real.frechet_distance)


def _ways_to(least: int, ways: str) -> str:
    if ways == "--num":
        return f"--num {least} or more"
    return f"{ways}; --features random takes {LEAST_OF_RANDOM}" if least > LEAST_OF_RANDOM else ways


def _frechet_limit(sets: Sets) -> Figure:
    """Where it cannot be extrapolated, the reason."""
    try:
        return _distance(LIMIT, sets, lambda vectors: frechet_infinity(vectors, sets.real.vectors, _rng(sets)))
    except ValueError as error:
        return Figure(LIMIT, None, note=str(error), percent=False)


def _distance(key: str, sets: Sets, distance: Callable[[Vectors], float]) -> Figure:
    """Its reference is of true images where they are as many: fewer are further away from anything."""
    generated = distance(sets.generated_vectors)
    true = sets.true_vectors
    reference = distance(true) if true is not None and len(true) >= sets.n else None
    return Figure(key, generated, sets.n, reference=reference, note="lower is better", percent=False)


def _kernel(sets: Sets) -> Figure:
    generated, true = sets.both(lambda vectors: kernel_distance(vectors, sets.real.vectors))
    note = f"lower is better; standard error {generated.standard_error:.2g}"
    note += f", of true pictures {true.standard_error:.2g}" if true else ""
    low, high = (generated.value + times * generated.standard_error for times in (-2, 2))
    interval = Interval(low, high, PICTURES, "two standard errors, block jackknife", sets.n)
    reference = true and true.value
    return Figure.of(KERNEL, generated.value, sets.n, interval, reference=reference, note=note, percent=False)


def _shares(sets: Sets) -> list[Figure]:
    generated, true = sets.both(lambda vectors: manifold_scores(sets.real.vectors, vectors))
    return [
        Figure(
            name,
            getattr(generated, name),
            sets.n,
            reference=true and getattr(true, name),
            note=note,
            percent=name != "density",
            finding=f"beside {BESIDE[name]} {100 * getattr(generated, BESIDE[name]):.1f} %" if name in BESIDE else "",
        )
        for name, note in SHARES.items()
    ]


def _vendi(sets: Sets) -> Figure:
    """Where vectors have no direction, the reason; without true images, the real ones are its reference."""
    try:
        generated, true = sets.both(vendi_score)
        reference = vendi_score(sets.real.vectors) if true is None else true
    except ValueError as error:
        return Figure(VENDI, None, note=str(error), percent=False)
    words = {"note": "effective number of different pictures", "percent": False}
    return Figure(VENDI, generated, sets.n, reference=reference, **words)


def _ms_ssim(sets: Sets) -> Figure:
    """Where pictures are too small for it, or only their vectors are kept, the reason."""
    if not len(sets.generated):
        return Figure(MS_SSIM, None, note="not measured of folders, whose pictures may differ in size", percent=False)
    try:
        generated = ms_ssim_diversity(sets.generated, _rng(sets))
        true = None if sets.true is None else ms_ssim_diversity(sets.true, _rng(sets))
    except ValueError as error:
        return Figure(MS_SSIM, None, note=str(error), percent=False)
    note = "one minus the mean similarity of random pairs"
    return Figure(MS_SSIM, generated, sets.n, reference=true, note=note, percent=False)


def _rng(sets: Sets) -> torch.Generator:
    return torch.Generator().manual_seed(sets.seed)
