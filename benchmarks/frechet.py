"""Compare our Fréchet distance with the usual matrix root (`scipy.linalg.sqrtm`), as Markdown.

`python benchmarks/frechet.py` alternates the two in one process and compares medians of processor time on one thread,
so that other programs do not count; `--dims 2048` measures one size only. Both receive the same means and covariances,
from 4 vectors per dimension; they differ in the trace of the root.
"""

import argparse
from statistics import median
from time import process_time

import numpy as np
import torch
from scipy import linalg
from threadpoolctl import threadpool_limits

from diptych.metrics.pictures.frechet import Gaussian, gaussian_distance

ROUNDS = {512: 5, 1024: 5, 2048: 3}
"""The number of rounds for each number of dimensions."""

PER_DIMENSION = 4


def make_gaussian(dim: int, seed: int, shift: float) -> Gaussian:
    """Statistics of vectors whose variances span three orders of magnitude, like those of trained features."""
    rng = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -1.5, dim, dtype=torch.float64)
    mixing = torch.linalg.qr(torch.randn(dim, dim, generator=rng, dtype=torch.float64)).Q
    vectors = torch.randn(PER_DIMENSION * dim, dim, generator=rng, dtype=torch.float64) * scales
    return Gaussian.of(vectors @ mixing + shift)


def by_matrix_root(some: Gaussian, others: Gaussian) -> float:
    """The distance by the usual matrix root."""
    first, second = some.covariance.numpy(), others.covariance.numpy()
    shift = some.mean.numpy() - others.mean.numpy()
    root = linalg.sqrtm(first @ second)
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root).real)


def compare(dim: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds of ours and of the matrix root, and the difference of their distances over the traces."""
    some, others = make_gaussian(dim, 1, 0.0), make_gaussian(dim, 2, 0.1)
    seconds: tuple[list[float], list[float]] = ([], [])
    distances = [0.0, 0.0]
    for _ in range(rounds):
        for place, distance in enumerate((gaussian_distance, by_matrix_root)):
            started = process_time()
            distances[place] = distance(some, others)
            seconds[place].append(process_time() - started)
    traces = float(some.covariance.trace() + others.covariance.trace())
    return median(seconds[0]), median(seconds[1]), abs(distances[0] - distances[1]) / traces


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dims", type=int, nargs="+", default=list(ROUNDS), choices=list(ROUNDS))
    dims = parser.parse_args().dims
    print("## Fréchet distance: symmetric form in float64 against scipy.linalg.sqrtm\n")
    print("One thread, processor time; medians of turns taken one after the other.\n")
    print("| dimensions | ours, s | sqrtm, s | ratio | difference over traces |\n| ---: | ---: | ---: | ---: | ---: |")
    for dim in dims:
        ours, theirs, difference = compare(dim, ROUNDS[dim])
        print(f"| {dim:,} | {ours:.2f} | {theirs:.2f} | **{theirs / ours:.1f}** | {difference:.0e} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
