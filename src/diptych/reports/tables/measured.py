"""The records of one row together: its figures over seeds, and what a run of it has cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diptych.metrics.statistics import Interval
from diptych.reports.comparison.comparison import ANYTHING, interval_over_seeds
from diptych.reports.comparison.contrasts import RATES
from diptych.reports.tables.declaration import Table
from diptych.reports.tables.records import Record

MINUTE = 60


@dataclass(frozen=True)
class Measured:
    """The runs of one method; costs are means over them."""

    records: tuple[Record, ...]

    @property
    def first(self) -> Record:
        return self.records[0]

    @property
    def name(self) -> str:
        return self.first.row

    @property
    def knows_objects(self) -> bool:
        return any(record.object_aware for record in self.records)

    @property
    def core_minutes(self) -> float | None:
        """Of a run, all stages counted."""
        return self._mean([record.cost.get("core_seconds") for record in self.records], MINUTE)

    @property
    def borrowed_core_minutes(self) -> float | None:
        """Of the runs that it has learned from; None where it has borrowed nothing."""
        lent = [lender.get("core_seconds") for lender in self.first.lent.values()]
        known = [seconds for seconds in lent if seconds is not None]
        return sum(known) / MINUTE if lent and len(known) == len(lent) else None

    @property
    def images_per_core_second(self) -> float | None:
        """Of training alone."""
        rates = [
            record.cost["images"] / record.cost["train_core_seconds"]
            for record in self.records
            if record.cost.get("train_core_seconds")
        ]
        return self._mean(rates)

    @property
    def peak_memory_mib(self) -> float | None:
        known = [record.cost.get("peak_memory_mib") for record in self.records]
        return max((value for value in known if value is not None), default=None)

    def mean(self, figure: str) -> float | None:
        """Over the runs that have it."""
        return self._mean([record.value(figure) for record in self.records])

    def ends(self, figure: str) -> tuple[float, float] | None:
        """The interval over training seeds, or of a single run over its examples."""
        found = [record.figures[figure] for record in self.records if record.value(figure) is not None]
        if len(found) < 2:
            return (found[0]["low"], found[0]["high"]) if found and "low" in found[0] else None
        is_rate = all(one["percent"] and "low" in one and 0 <= one["low"] <= one["high"] <= 1 for one in found)
        values = [one["value"] for one in found]
        interval: Interval | None = interval_over_seeds(values, is_rate, RATES if is_rate else ANYTHING)
        return interval.ends if interval else None

    def reach(self, value: float) -> float | None:
        """Core-seconds of training at the first validation of at least `value`, a mean; None if a run never had it."""
        seconds = [_first_at(record, value) for record in self.records]
        return None if None in seconds else self._mean(seconds)

    @property
    def best_validation(self) -> float | None:
        """The least of the runs' best validations."""
        best = [
            max((point[2] for point in record.curve["points"]), default=0.0) for record in self.records if record.curve
        ]
        return min(best, default=None)

    @staticmethod
    def _mean(values: Sequence[float | None], divisor: float = 1.0) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) / divisor if known else None


def by_method(records: Sequence[Record]) -> list[Measured]:
    """The records of one table in groups of one row; those of an older configuration do not mix with newer ones."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.row, record.configuration), []).append(record)
    return [Measured(tuple(group)) for group in groups.values()]


def curves_of(table: Table, methods: Sequence[Measured]) -> dict[str, dict[str, Sequence[Mapping[str, Any]]]]:
    """By sampling option and row, the first figure at each value, in the order of the declaration."""
    found: dict[str, dict[str, Sequence[Mapping[str, Any]]]] = {}
    for option, values in (table.vary or {}).items():
        for method in methods:
            known = [f for f in method.first.varied.get(option, ()) if f["at"] in values and "refused" not in f]
            if known:
                found.setdefault(option, {})[method.name] = sorted(known, key=lambda f: values.index(f["at"]))
    return found


def _first_at(record: Record, value: float) -> float | None:
    points = record.curve.get("points", ())
    return next((seconds for _, seconds, reached in points if reached >= value), None)
