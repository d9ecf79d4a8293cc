"""Two captioners picture by picture: on how many the first is better, beside the means and the lengths."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diptych.evaluation.results import PICTURES, RESAMPLING_SEED
from diptych.metrics.captions import CaptionScores
from diptych.metrics.statistics import Interval, cluster_interval, mcnemar

COMPARED = ("cider_d", "rouge_l")
"""The scores that a single caption has; BLEU is a score of a whole corpus."""
CLOSE = 1e-9
"""Scores that differ by less are equal."""
LENGTH = "length"


@dataclass(frozen=True)
class Wins:
    """On how many of `n` pictures the first is better, equal or worse by one score.

    `rate` is the share of pictures on which it is better, equal ones counting half: 0.5 is a draw. `p` is McNemar's of
    the pictures that differ: the sign test.
    """

    n: int
    better: int
    equal: int
    worse: int
    rate: float
    interval: Interval
    p: float

    @classmethod
    def of(cls, first: Sequence[float], second: Sequence[float]) -> "Wins":
        """From the scores of the same pictures in the same order, at least one."""
        differences = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
        better, worse = differences > CLOSE, differences < -CLOSE
        points = (0.5 + (better.astype(float) - worse) / 2).tolist()
        num, wins, losses = len(points), int(better.sum()), int(worse.sum())
        rng = np.random.default_rng(RESAMPLING_SEED)
        interval = cluster_interval(points, range(num), rng, PICTURES)
        p = mcnemar(worse.tolist(), better.tolist(), PICTURES).p
        return cls(num, wins, num - wins - losses, losses, sum(points) / num, interval, p)


@dataclass(frozen=True)
class Beside:
    """A second file of predictions beside the first: `wins` by score, `values` and mean length of the second."""

    predictions: str
    wins: Mapping[str, Wins]
    values: Mapping[str, float | None]
    mean_lengths: tuple[float, float]

    @classmethod
    def of(cls, predictions: str, first: CaptionScores, second: CaptionScores) -> "Beside":
        """Both against the same references; scores that are undefined there are left out."""
        known = [name for name in COMPARED if name not in first.undefined]
        wins = {name: Wins.of(first.column(name), second.column(name)) for name in known}
        first_length, second_length = (float(np.mean(scores.column(LENGTH))) for scores in (first, second))
        return cls(predictions, wins, second.values(), (first_length, second_length))

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        wins = {name: asdict(each) for name, each in self.wins.items()}
        return {
            "predictions": self.predictions,
            "wins": wins,
            "values": dict(self.values),
            "mean_lengths": list(self.mean_lengths),
        }
