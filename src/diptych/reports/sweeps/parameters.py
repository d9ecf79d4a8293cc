"""The parameters that differ between trials, as numbers on an axis or as names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
from jaxtyping import Float

from diptych.reports.sweeps.trials import Trial

ABSENT = "—"
WIDE = 5.0
"""Positive numbers that span this factor get a logarithmic axis."""
LETTERS = 28
FEW_LEVELS, APART = 6, 0.12


@dataclass(frozen=True)
class Parameter:
    """One parameter's value in every trial, in their order. `name` is the shortest unique one."""

    key: str
    name: str
    values: tuple[Any, ...]

    @cached_property
    def known(self) -> list[Any]:
        """The values of the trials that have the parameter."""
        return [value for value in self.values if value is not ABSENT]

    @cached_property
    def is_numeric(self) -> bool:
        """Whether all known values are finite numbers; true and false are names."""
        return bool(self.known) and all(_is_number(value) for value in self.known)

    @cached_property
    def is_log(self) -> bool:
        return self.is_numeric and min(self.known) > 0 and max(self.known) >= WIDE * min(self.known)

    @property
    def is_partial(self) -> bool:
        """Whether some trials lack the parameter."""
        return len(self.known) < len(self.values)

    @property
    def differs(self) -> bool:
        return len(self.levels) > 1

    @cached_property
    def labels(self) -> list[str]:
        """Each trial's value as a short text."""
        return [value_text(value) for value in self.values]

    @cached_property
    def levels(self) -> list[str]:
        """The distinct labels: absent first, numbers in order, then names as they come."""
        absent = [ABSENT] if self.is_partial else []
        numbers = sorted({value for value in self.known if _is_number(value)})
        return list(dict.fromkeys([*absent, *map(value_text, numbers), *self.labels]))

    @cached_property
    def is_by_level(self) -> bool:
        """Whether each value is a level of its own: names, and few numbers that repeat or lie apart."""
        if not self.is_numeric:
            return True
        places = np.unique(self.positions[~np.isnan(self.positions)])
        lie_apart = len(places) < 2 or np.diff(places).min() >= APART * np.ptp(places)
        return len(self.levels) <= FEW_LEVELS and (lie_apart or 2 * len(self.levels) <= len(self.values))

    @cached_property
    def positions(self) -> Float[np.ndarray, " trials"]:
        """Positions on the axis: numbers, base-ten logarithms if `is_log`, else the number of the level.

        NaN if a trial lacks the number.
        """
        if not self.is_numeric:
            return np.array([self.levels.index(label) for label in self.labels], dtype=np.float64)
        numbers = np.array([np.nan if value is ABSENT else value for value in self.values], dtype=np.float64)
        return np.log10(numbers) if self.is_log else numbers


def parameters_of(trials: Sequence[Trial], keys: Sequence[str]) -> list[Parameter]:
    """The trials' parameters, with unique short names."""
    names = short_names(keys)
    return [Parameter(key, names[key], tuple(t.parameters.get(key, ABSENT) for t in trials)) for key in keys]


def round_logarithms(low: float, high: float) -> list[tuple[float, str]]:
    """Logarithms of round numbers in a range, with their texts; fewer if the range spans decades."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    numbers = [step * 10.0**power for power in range(int(np.floor(low)), int(np.ceil(high)) + 1) for step in steps]
    return [(float(np.log10(n)), f"{n:.3g}") for n in numbers if low <= np.log10(n) <= high]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The shortest unique end of each dotted key: `lr`, `generator.width`."""
    names = {}
    for key in keys:
        parts = key.split(".")
        tails = [".".join(parts[-size:]) for size in range(1, len(parts) + 1)]
        names[key] = next(t for t in tails if sum(f".{other}".endswith(f".{t}") for other in keys) == 1 or t == key)
    return names


def value_text(value: Any) -> str:
    """A value in a table: numbers with four digits, lists and dicts in Hydra's syntax, cut if long."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case float():
            return f"{value:.4g}"
        case list() | tuple():
            text = f"[{', '.join(map(value_text, value))}]"
        case Mapping():
            text = "{" + ", ".join(f"{key}: {value_text(own)}" for key, own in value.items()) + "}"
        case _:
            text = str(value)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
