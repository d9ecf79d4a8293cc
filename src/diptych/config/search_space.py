"""Spaces to search, in Hydra's override syntax.

`x=choice(a,b)` or `x=a,b`, `x=range(1,6)` (ends before 6), `x=interval(0,1)`, `x=int(interval(1,5))` (5 included),
`x=tag(log,interval(1e-5,1e-2))`, `x=tag(log,int(interval(8,256)))`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from diptych.config.errors import UserError


@dataclass(frozen=True)
class Choice:
    """One of some values, each as it is typed."""

    values: tuple[str, ...]

    @property
    def example(self) -> str:
        """One of them."""
        return self.values[0]


@dataclass(frozen=True)
class Interval:
    """A number from `low` to `high`, both included: any, or one of those `step` apart; drawn by logarithm if `log`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int)

    @property
    def example(self) -> float:
        """One of them."""
        return self.low


@dataclass(frozen=True)
class Parameter:
    """What may be chosen for one key, where all of `when` have been chosen: keys with the values that will do.

    `key` is as it is typed, with a plus where it adds to the configuration; conditions name keys without.
    """

    key: str
    values: Choice | Interval
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def applies(self, chosen: Mapping[str, Any]) -> bool:
        """Whether the conditions hold; `chosen` has the values of other parameters, and what is fixed."""
        known = {_bare(key): typed(value) for key, value in chosen.items()}
        return all(known.get(key) in values for key, values in self.when.items())


Space = tuple[Parameter, ...]


def read_space(overrides: Iterable[str], when: Mapping[str, str] | None = None) -> tuple[list[str], Space]:
    """Overrides that are the same in every trial, and the parameters, conditions before what depends on them."""
    parsed = [_parsed(text) for text in overrides]
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    conditions = {key: _condition(key, text) for key, text in (when or {}).items() if key not in values_of(fixed)}
    parameters = {}
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            parameters[_bare(key)] = Parameter(key, _values(override), conditions.pop(_bare(key), {}))
    if conditions:
        raise UserError(f"when: {', '.join(conditions)} is not searched over: there are {', '.join(parameters)}")
    return fixed, _ordered(parameters, {**values_of(fixed)})


def values_of(overrides: Iterable[str]) -> dict[str, str]:
    """What plain overrides choose, each as it is typed; keys without the plus that adds one."""
    return {_bare(key): value for key, _, value in (override.partition("=") for override in overrides)}


def typed(value: Any) -> str:
    """A value as it is typed in an override."""
    return value if isinstance(value, str) else repr(value)


def read_values(override: str) -> tuple[str, tuple[str, ...]]:
    """The key and the values of `key=a,b,c`, `key=range(3)` or `key=a`."""
    parsed = _parsed(override)
    if not parsed.is_sweep_override():
        key, _, value = override.partition("=")
        return key, (value,)
    values = _values(parsed)
    if not isinstance(values, Choice):
        raise UserError(f"{override}: list the values, as in seed=0,1,2")
    return parsed.get_key_element(), values.values


def _bare(key: str) -> str:
    return key.lstrip("+")


def _parsed(text: str) -> Override:
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise UserError(f"{text}: {str(error).splitlines()[0]}") from None


def _values(override: Override) -> Choice | Interval:
    sweep, text = override.value(), override.input_line
    log = "log" in getattr(sweep, "tags", ())
    match sweep:
        case IntervalSweep():
            values: Choice | Interval = Interval(sweep.start, sweep.end, log)  # pyright: ignore[reportArgumentType]
        case RangeSweep() if log:
            raise UserError(f"{text}: a range has even steps; write tag(log,int(interval(low,high)))")
        case RangeSweep():
            numbers = list(sweep.range())
            values = Interval(numbers[0], numbers[-1], step=sweep.step) if numbers else Interval(1, 0)
        case ChoiceSweep():
            values = Choice(tuple(dict.fromkeys(override.sweep_string_iterator())))
        case _:
            raise UserError(f"{text}: search over choice(…), range(…) or interval(…)")
    if isinstance(values, Interval) and values.low > values.high:
        raise UserError(f"{text}: there is nothing to choose from; the lower end comes first")
    if isinstance(values, Interval) and log and values.low <= 0:
        raise UserError(f"{text}: there is nothing to choose from by logarithm; both ends are above 0")
    return values


def _condition(key: str, text: str) -> dict[str, tuple[str, ...]]:
    """`other=a,b`; several of them are separated by semicolons."""
    if not isinstance(text, str) or "=" not in text:
        raise UserError(f"when.{key}={text!r}: name another key and the values that will do, as in objective=hinge")
    return dict(read_values(part.strip()) for part in text.split(";"))


def _ordered(parameters: Mapping[str, Parameter], fixed: Mapping[str, str]) -> Space:
    """Each after those that its conditions name."""
    ordered: dict[str, Parameter] = {}
    while len(ordered) < len(parameters):
        ready = {
            key: parameter
            for key, parameter in parameters.items()
            if key not in ordered and all(other in ordered or other in fixed for other in parameter.when)
        }
        if not ready:
            key, parameter = next((k, p) for k, p in parameters.items() if k not in ordered)
            others = ", ".join(other for other in parameter.when if other not in ordered and other not in fixed)
            raise UserError(f"when.{key} waits for {others}, which is not chosen before it")
        ordered.update(ready)
    return tuple(ordered.values())
