"""How sampled captions are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.config.errors import UserError

LEAST_SAMPLES = 2
TEMPERATURES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)


@dataclass(frozen=True)
class DiversityRequest:
    """How many captions of each image, at each of which temperatures."""

    num_samples: int = 5
    temperatures: Sequence[float] = TEMPERATURES

    def __post_init__(self) -> None:
        if self.num_samples < LEAST_SAMPLES:
            raise UserError(f"--diversity {self.num_samples}: one caption has no diversity; ask for at least two")
        if not self.temperatures or any(not 0 <= value < float("inf") for value in self.temperatures):
            raise UserError(f"--temperatures {self.words}: give numbers from 0, such as 0.5,1,1.5")
        object.__setattr__(self, "temperatures", tuple(sorted(set(self.temperatures))))

    @property
    def words(self) -> str:
        """The temperatures as they are typed."""
        return ",".join(f"{value:g}" for value in self.temperatures)
