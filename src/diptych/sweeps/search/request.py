"""What a search is asked to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diptych.config.errors import UserError
from diptych.config.search_space import Choice, Interval, Parameter, Space, typed

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

DIRECTIONS = ("maximize", "minimize")
MEAN, BOUND = "mean", "bound"


@dataclass(frozen=True)
class Objective:
    """A figure of metrics.csv at the validation that was the best by the run's monitor, or `seconds` of training."""

    metric: str
    direction: str

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise UserError(f"hydra.sweeper.objectives.{self.metric}={self.direction}: say maximize or minimize")

    @property
    def sign(self) -> int:
        """By which figures are multiplied so that more is better."""
        return 1 if self.direction == "maximize" else -1


@dataclass(frozen=True)
class Search:
    """`n_trials` proposals in all, each carried out once for every one of `repeats`: overrides such as `seed=1`.

    A trial's figure is the mean over its runs, or with `aggregate` "bound" the worse end of an interval around it.
    `sampler` is called with a seed of its own for every proposal. Without a `pruner` all runs come to their end.
    """

    space: Space
    fixed: tuple[str, ...]
    objectives: tuple[Objective, ...]
    sampler: "Callable[..., BaseSampler]"
    pruner: "BasePruner | None" = None
    n_trials: int = 20
    repeats: tuple[str, ...] = ()
    aggregate: str = MEAN
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.space:
            raise UserError("nothing is searched over: add key=interval(low,high) or key=choice(a,b) to the command")
        if self.n_trials < 1:
            raise UserError(f"hydra.sweeper.n_trials={self.n_trials}: give 1 or more")
        if not self.objectives:
            raise UserError("there is no figure to search by: name one with monitor=val/… or hydra.sweeper.objectives")
        if self.pruner is not None and len(self.objectives) > 1:
            raise UserError(
                "a pruner compares runs by one figure on the way, and there are "
                f"{len(self.objectives)} objectives: choose hydra/sweeper/pruner=none, or one objective"
            )
        if self.aggregate not in (MEAN, BOUND):
            raise UserError(f"hydra.sweeper.aggregate={self.aggregate}: say {MEAN} or {BOUND}")
        if self.aggregate == BOUND and len(self.repeats) < 2:
            raise UserError("hydra.sweeper.aggregate=bound needs several runs a trial: repeat='seed=0,1,2'")

    @property
    def runs_per_trial(self) -> int:
        """How many runs a trial takes."""
        return max(1, len(self.repeats))

    def arguments(self, chosen: Mapping[str, Any], member: int) -> list[str]:
        """Of `diptych train`, for one run of a trial."""
        values = [f"{key}={typed(value)}" for key, value in chosen.items()]
        return [*self.fixed, *values, *self.repeats[member : member + 1]]

    def describe(self) -> dict[str, Any]:
        """What makes figures of one study comparable; a study goes on only with the same."""
        return {
            "space": {parameter.key: described(parameter) for parameter in self.space},
            "fixed": list(self.fixed),
            "objectives": {objective.metric: objective.direction for objective in self.objectives},
            "repeats": list(self.repeats),
            "aggregate": self.aggregate,
        }


def described(parameter: Parameter) -> str:
    """A parameter's values and conditions in words, as they would be typed."""
    match parameter.values:
        case Choice(values):
            text = f"choice({','.join(values)})"
        case Interval(low, high, log, step):
            text = f"interval({low!r},{high!r})" if step is None else f"{low!r} to {high!r} by {step!r}"
            text = f"int({text})" if parameter.values.is_whole and step is None else text
            text = f"tag(log,{text})" if log else text
    conditions = "; ".join(f"{key}={','.join(values)}" for key, values in parameter.when.items())
    return text + (f" when {conditions}" if conditions else "")


def objectives_of(config: Mapping[str, Any], named: Mapping[str, str] | None) -> tuple[Objective, ...]:
    """Those that are named, else the configuration's own monitor."""
    if named:
        return tuple(Objective(metric, direction) for metric, direction in named.items())
    if not config["monitor"]:
        return ()
    return (Objective(config["monitor"], "maximize" if config["mode"] == "max" else "minimize"),)
