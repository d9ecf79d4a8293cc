"""How well a denoiser's validation loss tells how true its images are: rank correlation over the validations of runs.

`python benchmarks/validation_loss_rank.py RUN [RUN …]` reads `val/loss` and `val/scene_accuracy` of each run's
validations and prints Spearman's correlation with a 95 % interval (bootstrap over validations), of each run and, where
there are several, of all together. Runs together must be of one process, prediction and distribution of times; the
first validations, before anything was generated, count like all others.
"""

import sys

import numpy as np
from scipy.stats import spearmanr

from diptych.runs.folder.find import default_outputs, find_run
from diptych.tracking import read_metrics

LOSS, TRUTH = "val/loss", "val/scene_accuracy"
RESAMPLES, LEAST = 10_000, 5


def validations(name: str) -> list[tuple[float, float]]:
    """(loss, scene accuracy) at each validation of a run."""
    rows = read_metrics(find_run(name, default_outputs()).metrics)
    return [(row[LOSS], row[TRUTH]) for row in rows if LOSS in row and TRUTH in row]


def correlation(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Spearman's, and the ends of its interval; resamples in which a column does not vary are left out."""
    values, rng = np.array(pairs), np.random.default_rng(0)
    drawn = (values[rng.integers(0, len(values), len(values))] for _ in range(RESAMPLES))
    resampled = [spearmanr(*some.T).statistic for some in drawn if np.ptp(some, axis=0).all()]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(spearmanr(*values.T).statistic), float(low), float(high)


def main() -> None:
    found = {name: validations(name) for name in sys.argv[1:]}
    if len(found) > 1:
        found["all together"] = [pair for pairs in found.values() for pair in pairs]
    print(f"| run | validations | Spearman's correlation of {LOSS} and {TRUTH} |\n| --- | ---: | --- |")
    for name, pairs in found.items():
        if len(pairs) < LEAST:
            raise SystemExit(
                f"{name} has {len(pairs)} validations with {LOSS} and {TRUTH}: at least {LEAST} are needed"
            )
        value, low, high = correlation(pairs)
        print(f"| {name} | {len(pairs)} | {value:.2f} ({low:.2f} to {high:.2f}) |")


if __name__ == "__main__":
    main()
