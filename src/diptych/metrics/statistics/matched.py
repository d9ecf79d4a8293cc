"""How far two rates are apart that were measured on the same examples."""

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

from diptych.metrics.statistics.interval import CONFIDENCE, Interval

AGRESTI_MIN = "Agresti-Min"


def matched_difference(
    first: Sequence[bool], second: Sequence[bool], over: str, confidence: float = CONFIDENCE
) -> Interval:
    """Of the second rate minus the first, from pairs of hits (Agresti & Min 2005, Statistics in Medicine 24).

    Half a pair is added to each of the four outcomes before the normal interval is taken, which keeps its width where
    hardly any pair changed.
    """
    pairs = list(zip(first, second, strict=True))
    gained = sum(after and not before for before, after in pairs) + 0.5
    lost = sum(before and not after for before, after in pairs) + 0.5
    n = len(pairs) + 2
    centre = (gained - lost) / n
    half_width = NormalDist().inv_cdf((1 + confidence) / 2) * sqrt(gained + lost - (gained - lost) ** 2 / n) / n
    low, high = max(-1.0, centre - half_width), min(1.0, centre + half_width)
    return Interval(low, high, over, AGRESTI_MIN, len(pairs), confidence)
