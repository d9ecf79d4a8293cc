"""The settings of a search: its space, its objectives, its sampler, its budget of trials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diptych.config.errors import UserError
from diptych.config.search_space import Choice, Interval, Parameter, Space, typed
from diptych.sweeps.objective import SweepObjective

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

MEAN, BOUND = "mean", "bound"


@dataclass(frozen=True)
class Search:
    """`n_trials` proposals in all. Each runs once for every override in `repeats`, such as `seed=1`.

    A trial's figure is the mean over its runs. With `aggregate` "bound" it is the worse end of an interval around the
    mean. Every proposal calls `sampler` with its own seed. Without a `pruner` every run uses its whole budget.
    """

    space: Space
    fixed: tuple[str, ...]
    objectives: tuple[SweepObjective, ...]
    sampler: "Callable[..., BaseSampler]"
    pruner: "BasePruner | None" = None
    n_trials: int = 20
    repeats: tuple[str, ...] = ()
    aggregate: str = MEAN
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.space:
            raise UserError("the search space is empty: add key=interval(low,high) or key=choice(a,b) to the command")
        if self.n_trials < 1:
            raise UserError(f"hydra.sweeper.n_trials={self.n_trials}: give 1 or more")
        if not self.objectives:
            raise UserError("the search has no figure to optimise: set monitor=val/… or hydra.sweeper.objectives")
        if self.pruner is not None and len(self.objectives) > 1:
            raise UserError(
                f"a pruner compares runs by one figure, but there are {len(self.objectives)} objectives: "
                "set hydra/sweeper/pruner=none, or keep one objective"
            )
        if self.aggregate not in (MEAN, BOUND):
            raise UserError(f"hydra.sweeper.aggregate={self.aggregate}: say {MEAN} or {BOUND}")
        if self.aggregate == BOUND and len(self.repeats) < 2:
            raise UserError("hydra.sweeper.aggregate=bound needs several runs a trial: repeat='seed=0,1,2'")

    @property
    def runs_per_trial(self) -> int:
        """The number of runs of a trial."""
        return max(1, len(self.repeats))

    def arguments(self, chosen: Mapping[str, Any], member: int) -> list[str]:
        """The arguments of `diptych train` for one run of a trial."""
        values = [f"{key}={typed(value)}" for key, value in chosen.items()]
        return [*self.fixed, *values, *self.repeats[member : member + 1]]

    def describe(self) -> dict[str, Any]:
        """The settings that make figures comparable; a study resumes only with the same ones."""
        return {
            "space": {parameter.key: described(parameter) for parameter in self.space},
            "fixed": list(self.fixed),
            "objectives": {objective.name: objective.direction for objective in self.objectives},
            "repeats": list(self.repeats),
            "aggregate": self.aggregate,
        }


def described(parameter: Parameter) -> str:
    """A parameter's values and conditions, in the syntax of the command line."""
    match parameter.values:
        case Choice(values):
            text = f"choice({','.join(values)})"
        case Interval(low, high, log, step):
            text = f"interval({low!r},{high!r})" if step is None else f"{low!r} to {high!r} by {step!r}"
            text = f"int({text})" if parameter.values.is_whole and step is None else text
            text = f"tag(log,{text})" if log else text
    conditions = "; ".join(f"{key}={','.join(values)}" for key, values in parameter.when.items())
    return text + (f" when {conditions}" if conditions else "")


def objectives_of(config: Mapping[str, Any], named: Mapping[str, str] | None) -> tuple[SweepObjective, ...]:
    """The named objectives, else the monitor of the configuration."""
    if named:
        return tuple(SweepObjective.from_direction(name, direction) for name, direction in named.items())
    if not config["monitor"]:
        return ()
    return (SweepObjective(config["monitor"], config["mode"]),)
