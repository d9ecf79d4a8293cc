"""Our Fréchet distance against the matrix root that everybody takes (`scipy.linalg.sqrtm`), as Markdown.

`python benchmarks/frechet.py` lets the two take turns in one process, so that other programs slow both alike, and
compares medians. Both are given the same means and covariances, of 4 vectors a dimension; what differs is the trace of
the root. Torch and scipy both use as many threads as they are given (OMP_NUM_THREADS).
"""

from statistics import median
from time import perf_counter

import numpy as np
import torch
from scipy import linalg

from diptych.metrics.pictures.frechet import Gaussian, gaussian_distance

DIMS = {512: 5, 1024: 5, 2048: 3}
"""Dimensions, and how many turns each takes."""

PER_DIMENSION = 4


def make_gaussian(dim: int, seed: int, shift: float) -> Gaussian:
    """Of vectors whose variances fall over three orders of magnitude, as those of trained features do."""
    rng = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -1.5, dim, dtype=torch.float64)
    mixing = torch.linalg.qr(torch.randn(dim, dim, generator=rng, dtype=torch.float64)).Q
    vectors = torch.randn(PER_DIMENSION * dim, dim, generator=rng, dtype=torch.float64) * scales
    return Gaussian.of(vectors @ mixing + shift)


def by_matrix_root(some: Gaussian, others: Gaussian) -> float:
    """The usual way."""
    first, second = some.covariance.numpy(), others.covariance.numpy()
    shift = some.mean.numpy() - others.mean.numpy()
    root = linalg.sqrtm(first @ second)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)


def compare(dim: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds of ours and of the matrix root, and how far their distances are apart over the traces."""
    some, others = make_gaussian(dim, 1, 0.0), make_gaussian(dim, 2, 0.1)
    seconds: tuple[list[float], list[float]] = ([], [])
    distances = [0.0, 0.0]
    for _ in range(rounds):
        for place, distance in enumerate((gaussian_distance, by_matrix_root)):
            started = perf_counter()
            distances[place] = distance(some, others)
            seconds[place].append(perf_counter() - started)
    traces = float(some.covariance.trace() + others.covariance.trace())
    return median(seconds[0]), median(seconds[1]), abs(distances[0] - distances[1]) / traces


def main() -> None:
    print("## Fréchet distance: symmetric form in float64 against scipy.linalg.sqrtm\n")
    print(f"{torch.get_num_threads()} threads; medians of turns taken one after the other.\n")
    print("| dimensions | ours, s | sqrtm, s | ratio | difference over traces |\n| ---: | ---: | ---: | ---: | ---: |")
    for dim, rounds in DIMS.items():
        ours, theirs, difference = compare(dim, rounds)
        print(f"| {dim:,} | {ours:.2f} | {theirs:.2f} | **{theirs / ours:.1f}** | {difference:.0e} |", flush=True)


if __name__ == "__main__":
    main()
