"""The figure that a sweep is judged by, and the direction in which it is better."""

from dataclasses import dataclass

from diptych.config.errors import UserError

MAX, MIN = "max", "min"
DIRECTIONS = {"maximize": MAX, "minimize": MIN}
"""The words of Optuna and of `hydra.sweeper.objectives`."""


@dataclass(frozen=True, slots=True)
class SweepObjective:
    """A figure of metrics.csv, or `seconds` or `images` of a run. `mode` says which way is better: `max` or `min`."""

    name: str
    mode: str = MAX

    @classmethod
    def from_direction(cls, name: str, direction: str) -> "SweepObjective":
        """The objective that `hydra.sweeper.objectives` describes."""
        if direction not in DIRECTIONS:
            raise UserError(f"hydra.sweeper.objectives.{name}={direction}: say {' or '.join(DIRECTIONS)}")
        return cls(name, DIRECTIONS[direction])

    @property
    def direction(self) -> str:
        """`maximize` or `minimize`."""
        return next(direction for direction, mode in DIRECTIONS.items() if mode == self.mode)

    @property
    def sign(self) -> float:
        """Values times this sign are better when they are higher."""
        return 1.0 if self.mode == MAX else -1.0

    @property
    def description(self) -> str:
        return f"{self.name}, {'higher' if self.mode == MAX else 'lower'} is better"
