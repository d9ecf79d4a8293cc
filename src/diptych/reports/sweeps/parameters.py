"""The parameters in which the trials of a sweep differ, as numbers on an axis or as names."""

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
"""Positive numbers whose largest is so many times the smallest are read on a logarithmic axis."""
LETTERS = 28
FEW_LEVELS, APART = 6, 0.12


@dataclass(frozen=True)
class Parameter:
    """One parameter's values, a trial each, in the trials' order. `name` is the shortest that tells it from others."""

    key: str
    name: str
    values: tuple[Any, ...]

    @cached_property
    def known(self) -> list[Any]:
        """The values of the trials that have it."""
        return [value for value in self.values if value is not ABSENT]

    @cached_property
    def is_numeric(self) -> bool:
        """Whether all known values are numbers that stand on an axis; true and false are names."""
        return bool(self.known) and all(_is_number(value) for value in self.known)

    @cached_property
    def is_log(self) -> bool:
        return self.is_numeric and min(self.known) > 0 and max(self.known) >= WIDE * min(self.known)

    @property
    def is_partial(self) -> bool:
        """Whether some trials do not have it."""
        return len(self.known) < len(self.values)

    @property
    def differs(self) -> bool:
        return len(self.levels) > 1

    @cached_property
    def labels(self) -> list[str]:
        """Each trial's value in a few letters."""
        return [value_text(value) for value in self.values]

    @cached_property
    def levels(self) -> list[str]:
        """The different labels: none at all first, numbers from low to high, then names as they come."""
        absent = [ABSENT] if self.is_partial else []
        numbers = sorted({value for value in self.known if _is_number(value)})
        return list(dict.fromkeys([*absent, *map(value_text, numbers), *self.labels]))

    @cached_property
    def is_by_level(self) -> bool:
        """Whether each value has a place of its own: names, and numbers that are few and come again or lie apart."""
        if not self.is_numeric:
            return True
        places = np.unique(self.positions[~np.isnan(self.positions)])
        lie_apart = len(places) < 2 or np.diff(places).min() >= APART * np.ptp(places)
        return len(self.levels) <= FEW_LEVELS and (lie_apart or 2 * len(self.levels) <= len(self.values))

    @cached_property
    def positions(self) -> Float[np.ndarray, " trials"]:
        """On its axis: logarithms to base ten where it is logarithmic, the level's number where it is no number.

        NaN where a trial has no such number.
        """
        if not self.is_numeric:
            return np.array([self.levels.index(label) for label in self.labels], dtype=np.float64)
        numbers = np.array([np.nan if value is ABSENT else value for value in self.values], dtype=np.float64)
        return np.log10(numbers) if self.is_log else numbers


def parameters_of(trials: Sequence[Trial], keys: Sequence[str]) -> list[Parameter]:
    """Of these trials, with names that tell the keys apart."""
    names = short_names(keys)
    return [Parameter(key, names[key], tuple(t.parameters.get(key, ABSENT) for t in trials)) for key in keys]


def round_logarithms(low: float, high: float) -> list[tuple[float, str]]:
    """Logarithms of round numbers between two logarithms, and what they are called; fewer where there are decades."""
    steps = (1, 2, 5) if high - low < 2.5 else (1,)
    numbers = [step * 10.0**power for power in range(int(np.floor(low)), int(np.ceil(high)) + 1) for step in steps]
    return [(float(np.log10(n)), f"{n:.3g}") for n in numbers if low <= np.log10(n) <= high]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last parts of each dotted key, as many as tell it from the others: `lr`, `generator.width`."""
    names = {}
    for key in keys:
        parts = key.split(".")
        tails = [".".join(parts[-size:]) for size in range(1, len(parts) + 1)]
        names[key] = next(t for t in tails if sum(f".{other}".endswith(f".{t}") for other in keys) == 1 or t == key)
    return names


def value_text(value: Any) -> str:
    """A value as a table says it: numbers with four digits, lists and dicts as Hydra writes them, cut if long."""
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
