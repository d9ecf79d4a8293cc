"""Compare our precision, recall, density and coverage with the authors' package (prdc), as Markdown.

`python benchmarks/manifolds.py` alternates the two in one process and compares medians of processor time, so that other
programs do not count. Matrix products run on one thread in both; prdc uses 8 threads for the rest, whose times add up.
"""

import contextlib
import io
from statistics import median
from time import process_time

import torch
from prdc import compute_prdc
from threadpoolctl import threadpool_limits
from torch import Tensor

from diptych.metrics.pictures import ManifoldScores, manifold_scores
from diptych.metrics.pictures.manifolds import NEIGHBOURS

SETTINGS = ((2_000, 64), (5_000, 64), (5_000, 512))
"""Vectors of each set, and their dimensions."""

ROUNDS = 5


def make_sets(num: int, dim: int) -> tuple[Tensor, Tensor]:
    """Two overlapping clouds."""
    rng = torch.Generator().manual_seed(0)
    real, generated = (torch.randn(num, dim, generator=rng, dtype=torch.float64) for _ in range(2))
    return real, 1.02 * generated + 0.02


def of_the_authors(real: Tensor, generated: Tensor) -> ManifoldScores:
    """Call the package without its printed output."""
    with contextlib.redirect_stdout(io.StringIO()):
        scores = compute_prdc(real.numpy(), generated.numpy(), NEIGHBOURS)
    return ManifoldScores(*(float(scores[name]) for name in ManifoldScores._fields))


def compare(num: int, dim: int) -> tuple[float, float, float]:
    """Median seconds of ours and of theirs, and the largest difference of the four scores."""
    real, generated = make_sets(num, dim)
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        found = []
        for times, scores in zip(seconds, (manifold_scores, of_the_authors), strict=True):
            started = process_time()
            found.append(scores(real, generated))
            times.append(process_time() - started)
    difference = max(abs(a - b) for a, b in zip(*found, strict=True))
    return median(seconds[0]), median(seconds[1]), difference


def main() -> None:
    print("## Precision, recall, density and coverage against prdc\n")
    print(f"{NEIGHBOURS} neighbours, one thread, processor time; medians of {ROUNDS} turns each.\n")
    print(
        "| vectors | dimensions | ours, s | prdc, s | ratio | difference |\n| ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for num, dim in SETTINGS:
        ours, theirs, difference = compare(num, dim)
        print(
            f"| {num:,} | {dim} | {ours:.2f} | {theirs:.2f} | **{theirs / ours:.1f}** | {difference:.0e} |", flush=True
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
