"""Search spaces in Hydra's override syntax.

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
from diptych.config.overrides import readable


@dataclass(frozen=True)
class Choice:
    """One of several values, each as written in an override."""

    values: tuple[str, ...]

    @property
    def example(self) -> str:
        """One value."""
        return self.values[0]


@dataclass(frozen=True)
class Interval:
    """A number from `low` to `high`, both included, in steps of `step` if given; on a log scale with `log`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it has whole numbers only."""
        return isinstance(self.low, int)

    @property
    def example(self) -> float:
        """One value."""
        return self.low


@dataclass(frozen=True)
class Parameter:
    """The values of one key, and its conditions: it applies if every key in `when` has one of the values there.

    `key` may have a leading plus, which adds it to the configuration; the keys of conditions have none.
    """

    key: str
    values: Choice | Interval
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def applies(self, chosen: Mapping[str, Any]) -> bool:
        """Whether the conditions hold; `chosen` has the values of other parameters and the fixed ones."""
        known = {_bare(key): typed(value) for key, value in chosen.items()}
        return all(known.get(key) in values for key, values in self.when.items())


Space = tuple[Parameter, ...]


def read_space(overrides: Iterable[str], when: Mapping[str, str] | None = None) -> tuple[list[str], Space]:
    """The fixed overrides, and the parameters in an order where conditions come first."""
    parsed = [_parsed(text) for text in overrides]
    fixed = [str(override.input_line) for override in parsed if not override.is_sweep_override()]
    conditions = {key: _condition(key, text) for key, text in (when or {}).items() if key not in values_of(fixed)}
    parameters = {}
    for override in parsed:
        if override.is_sweep_override():
            key = override.get_key_element()
            parameters[_bare(key)] = Parameter(key, _values(override), conditions.pop(_bare(key), {}))
    if conditions:
        raise UserError(
            f"when: {', '.join(conditions)} is not a parameter of the search: it has {', '.join(parameters)}"
        )
    return fixed, _ordered(parameters, {**values_of(fixed)})


def values_of(overrides: Iterable[str]) -> dict[str, str]:
    """The values of plain overrides, as written, by key without a leading plus."""
    return {_bare(key): value for key, _, value in (override.partition("=") for override in overrides)}


def typed(value: Any) -> str:
    """A value as written in an override."""
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
        return OverridesParser.create().parse_override(readable(text))
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
        raise UserError(f"{text}: the interval is empty; put the lower end first")
    if isinstance(values, Interval) and log and values.low <= 0:
        raise UserError(f"{text}: a log scale needs both ends above 0")
    return values


def _condition(key: str, text: str) -> dict[str, tuple[str, ...]]:
    """Read `other=a,b`; semicolons separate several conditions."""
    if not isinstance(text, str) or "=" not in text:
        raise UserError(f"when.{key}={text!r}: write another key and its values, as in objective=hinge")
    return dict(read_values(part.strip()) for part in text.split(";"))


def _ordered(parameters: Mapping[str, Parameter], fixed: Mapping[str, str]) -> Space:
    """Order the parameters: each comes after those in its conditions."""
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
            raise UserError(f"when.{key} depends on {others}, which cannot be chosen before it")
        ordered.update(ready)
    return tuple(ordered.values())
