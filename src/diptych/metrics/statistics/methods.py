"""Is this method better than that one? A claim about training seeds, of which every run is one."""

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
from scipy import stats

from diptych.metrics.statistics.contrast import Contrast
from diptych.metrics.statistics.interval import CONFIDENCE, Interval
from diptych.metrics.statistics.seeds import SEEDS, student_t_interval

PAIRED_T, WELCH_T = "paired t", "Welch's t"
LEAST = 2
SAME = 1e-12


def paired_t(
    first: Sequence[float], second: Sequence[float], over: str = SEEDS, confidence: float = CONFIDENCE
) -> Contrast:
    """Of runs that share a seed, place by place.

    Where all differences are the same t is undefined: no interval, and p is that of flipping their signs.
    """
    if len(first) != len(second):
        raise ValueError(
            f"pairs over {over} need as many of the one as of the other, not {len(first)} and {len(second)}"
        )
    if len(first) < LEAST:
        raise ValueError(f"a contrast over {over} needs at least {LEAST} pairs, not {len(first)}")
    differences = np.subtract(second, first, dtype=np.float64)
    difference, n = float(differences.mean()), len(differences)
    if np.ptp(differences) < SAME:
        p = 1.0 if abs(difference) < SAME else 2.0 ** (1 - n)
        return Contrast(difference, p, over, PAIRED_T, n, smallest_p=p)
    interval = student_t_interval(differences.tolist(), over, confidence)
    result: Any = stats.ttest_1samp(differences, 0.0)
    return Contrast(difference, float(result.pvalue), over, PAIRED_T, n, interval=interval)


def welch_t(
    first: Sequence[float], second: Sequence[float], over: str = SEEDS, confidence: float = CONFIDENCE
) -> Contrast:
    """Of runs that share no seeds (Welch 1947): weaker than pairs, where a seed is kind or unkind to both.

    Where neither side has any spread t is undefined, and p is that of shuffling the runs.
    """
    n = min(len(first), len(second))
    if n < LEAST:
        raise ValueError(f"a contrast over {over} needs {LEAST} of each at least, not {len(first)} and {len(second)}")
    difference = float(np.mean(second) - np.mean(first))
    if max(np.ptp(first), np.ptp(second)) < SAME:
        p = 1.0 if abs(difference) < SAME else min(1.0, 2 / comb(len(first) + len(second), n))
        return Contrast(difference, p, over, WELCH_T, n, smallest_p=p)
    result: Any = stats.ttest_ind(second, first, equal_var=False)
    ends = result.confidence_interval(confidence)
    interval = Interval(float(ends.low), float(ends.high), over, WELCH_T, n, confidence)
    return Contrast(difference, float(result.pvalue), over, WELCH_T, n, interval=interval)
