"""How sure a proportion is: k successes of n, with Wilson's score interval (Wilson 1927).

The interval never leaves [0, 1] and keeps a width at 0 and n successes, where the usual p ± 1.96 s has none.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist


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


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Lower and upper bound of the true rate; no trials give (0, 1)."""
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate = successes / n
    centre = rate + z * z / (2 * n)
    half_width = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)
