"""What a test of two groups found."""

from dataclasses import dataclass

from diptych.metrics.statistics.interval import Interval


@dataclass(frozen=True, slots=True)
class Contrast:
    """How far the second is above the first, and how often chance alone shows at least as much (`p`, two-sided).

    `over` says what the claim is about, `n` how many of those there were. `smallest_p` is the least that the test can
    give with so many: where that is above the level, the answer is "too few", not "no difference".
    """

    difference: float
    p: float
    over: str
    method: str
    n: int
    smallest_p: float = 0.0
    interval: Interval | None = None
