"""The curve of an evaluation of sampled captions: exactness against diversity, a point a temperature."""

from collections.abc import Iterable
from typing import NamedTuple

from diptych.evaluation.results import Evaluation, Figure


class DiversityPoint(NamedTuple):
    """Both figures at one temperature."""

    temperature: float
    diversity: Figure
    exactness: Figure


def diversity_curve(evaluation: Evaluation) -> list[DiversityPoint]:
    """Its points by temperature, of the first two figures at each; none of evaluations without, or undefined ones."""
    at: dict[float, list[Figure]] = {}
    for figure in evaluation.figures:
        if "temperature" in figure.protocol:
            at.setdefault(float(figure.protocol["temperature"]), []).append(figure)
    pairs = ((temperature, figures[1], figures[0]) for temperature, figures in sorted(at.items()) if len(figures) > 1)
    return [DiversityPoint(*pair) for pair in pairs if None not in (pair[1].value, pair[2].value)]


def diversity_curves(evaluations: Iterable[Evaluation]) -> list[list[DiversityPoint]]:
    """The curves of those that have one of two points or more."""
    return [points for points in map(diversity_curve, evaluations) if len(points) > 1]
