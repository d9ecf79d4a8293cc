"""Is this checkpoint better than that one? A claim about contents: both were measured on the same ones.

Nothing is said of other runs of the same method; that is what `methods` is for.
"""

from collections.abc import Hashable, Sequence
from itertools import product

import numpy as np
from jaxtyping import Float
from scipy import stats

from diptych.metrics.statistics.clusters import by_cluster
from diptych.metrics.statistics.contrast import Contrast

PERMUTATION, MCNEMAR = "permutation of clusters", "McNemar"
CONTENTS = "held-out contents"
MOST_EXACT = 14
"""So many signs are flipped in every possible way; of more, `FLIPS` ways are drawn."""
FLIPS = 9_999
ROUNDING = 1e-9


def permute_clusters(
    first: Sequence[float | bool],
    second: Sequence[float | bool],
    clusters: Sequence[Hashable],
    rng: np.random.Generator,
    over: str = CONTENTS,
) -> Contrast:
    """Exchange the two in whole clusters, which chance would do as easily; examples of one cluster go together."""
    differences = np.subtract(second, first, dtype=np.float64)
    of_clusters, sizes = by_cluster(differences, clusters)
    p, smallest = sign_flips(of_clusters, rng)
    return Contrast(float(differences.mean()), p, over, PERMUTATION, len(sizes), smallest)


def mcnemar(first: Sequence[bool], second: Sequence[bool], over: str = CONTENTS) -> Contrast:
    """Exact test of paired hits (McNemar 1947), each of a content of its own; only those count that changed."""
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        raise ValueError(f"{MCNEMAR}'s test over {over} needs at least one pair of hits, not 0")
    gained = sum(after and not before for before, after in pairs)
    changed = sum(before != after for before, after in pairs)
    p = float(stats.binomtest(gained, changed).pvalue) if changed else 1.0
    difference = (2 * gained - changed) / len(pairs)
    return Contrast(difference, p, over, MCNEMAR, len(pairs), min(1.0, 2.0 ** (1 - changed)))


def sign_flips(differences: Float[np.ndarray, " n"], rng: np.random.Generator) -> tuple[float, float]:
    """Two-sided p of the sum under random signs, and the least p that so many differences can have.

    Exact for few; else (k + 1) / (draws + 1) with k of the draws at least as far from zero (Phipson & Smyth 2010).
    """
    changed = differences[np.abs(differences) > ROUNDING]
    seen = abs(changed.sum()) - ROUNDING
    if len(changed) <= MOST_EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(changed))))
        return float((np.abs(signs @ changed) >= seen).mean()), min(1.0, 2.0 ** (1 - len(changed)))
    signs = rng.integers(0, 2, (FLIPS, len(changed)), dtype=np.int8)
    as_far = np.abs(2.0 * (signs @ changed) - changed.sum()) >= seen
    return (int(as_far.sum()) + 1) / (FLIPS + 1), 1 / (FLIPS + 1)
