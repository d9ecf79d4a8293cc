"""An interval that says what it ranges over."""

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true value lies, in a share `confidence` of the worlds in which `over` is drawn anew.

    `over` says what was drawn ("training seeds", "held-out contents"), `n` how many of them; whatever was not drawn
    (the other one of these two, most often) is taken as it is. `method` is how the ends were found.
    """

    low: float
    high: float
    over: str
    method: str
    n: int
    confidence: float = CONFIDENCE

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"an interval from {self.low} to {self.high} does not exist")

    @property
    def ends(self) -> tuple[float, float]:
        return self.low, self.high
