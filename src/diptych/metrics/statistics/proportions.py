"""How sure a proportion is: k successes of n, with Wilson's score interval (Wilson 1927).

The interval never leaves [0, 1] and keeps a width at 0 and n successes, where the usual p ± 1.96 s has none.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from diptych.metrics.statistics.interval import CONFIDENCE, Interval

WILSON = "Wilson"


@dataclass(frozen=True, slots=True)
class Proportion:
    """`successes` of `n` trials; no trials give no rate and the interval (0, 1), which claims nothing."""

    successes: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.successes <= self.n:
            raise ValueError(f"a proportion of {self.successes} in {self.n} does not exist")

    @property
    def rate(self) -> float | None:
        return self.successes / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval."""
        return wilson_interval(self.successes, self.n)

    def interval_over(self, what: str) -> Interval:
        """The 95 % interval, saying what the trials are."""
        return Interval(*self.interval, what, WILSON, self.n)


def wilson_interval(successes: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Lower and upper bound of the true rate; no trials give (0, 1)."""
    if n == 0:
        return 0.0, 1.0
    low, high = wilson_bounds(np.array(successes / n), np.array(float(n)), confidence)
    return float(low), float(high)


def wilson_bounds(
    rates: Float[np.ndarray, "*batch"], n: Float[np.ndarray, "*batch"], confidence: float = CONFIDENCE
) -> tuple[Float[np.ndarray, "*batch"], Float[np.ndarray, "*batch"]]:
    """The ends for many rates at once; `n`, above zero, need not be whole (an effective number of trials)."""
    z = special.ndtri((1 + confidence) / 2)
    centre = rates + z * z / (2 * n)
    half_width = z * np.sqrt(rates * (1 - rates) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half_width) / scale, (centre + half_width) / scale
    return np.asarray(np.maximum(0.0, low)), np.asarray(np.minimum(1.0, high))
