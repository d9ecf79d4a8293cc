"""A run's main figures against its sampling options, where it was evaluated with several values of one."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from diptych.evaluation.results import Evaluation, Figure
from diptych.metrics.protocols import SUBJECT

LEAST = 3
"""Values that make a curve."""


@dataclass(frozen=True)
class OptionCurve:
    """The main figure of one benchmark at each value of an option, all else measured alike."""

    option: str
    benchmark: str
    figure: str
    points: Mapping[float, Figure]


def option_curves(results: Iterable[Evaluation]) -> list[OptionCurve]:
    """The longest curve of each benchmark and option; of results with one value, the last counts."""
    groups: dict[tuple[str, str, str], dict[float, Figure]] = {}
    titles: dict[str, str] = {}
    for result in results:
        titles[result.kind] = result.title
        for option, value, rest in _places(result.protocol):
            if result.main is not None and result.main.value is not None:
                groups.setdefault((result.kind, option, rest), {})[value] = result.main
    longest: dict[tuple[str, str], dict[float, Figure]] = {}
    for (kind, option, _), points in groups.items():
        if len(points) >= max(LEAST, len(longest.get((kind, option), ()))):
            longest[kind, option] = points
    return [
        OptionCurve(option, titles[kind], next(iter(points.values())).name, dict(sorted(points.items())))
        for (kind, option), points in longest.items()
    ]


def _places(protocol: Mapping[str, Any]) -> Iterator[tuple[str, float, str]]:
    """Each numeric option with its value, and all that was the same for its neighbours on the curve."""
    sampling = protocol.get("sampling") or {}
    method = {key: value for key, value in protocol.items() if key not in SUBJECT and key != "sampling"}
    for option, value in sampling.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            others = {key: other for key, other in sampling.items() if key != option}
            subject = {key: protocol.get(key) for key in ("checkpoint", "images_seen")}
            yield option, float(value), json.dumps([method, others, subject], sort_keys=True, default=str)
