"""A scatter plot of trials, with the best trial in its own colour and in front."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from diptych.reports.page.theme import COLOURS, PAPER
from diptych.reports.sweeps.axis_limits import AxisLimits

DOT, BEST_DOT = 26, 62
USUAL_COLOUR, BEST_COLOUR = COLOURS[0], COLOURS[1]


def scatter(axes: Axes, x: np.ndarray, y: Sequence[float], is_best: Sequence[bool], limits: AxisLimits) -> None:
    """One dot per trial; outliers are triangles at the edge that point to their values."""
    values, best = np.asarray(y, dtype=np.float64), np.asarray(is_best)
    heights = limits.clipped(y)
    for marker, shown in (("o", heights == values), ("^", heights < values), ("v", heights > values)):
        _group(axes, x, heights, shown & ~best, marker, s=DOT, color=USUAL_COLOUR, alpha=0.8, zorder=3)
        _group(axes, x, heights, shown & best, marker, s=BEST_DOT, color=BEST_COLOUR, zorder=4)


def _group(axes: Axes, x: np.ndarray, y: np.ndarray, shown: np.ndarray, marker: str, **look: Any) -> None:
    if shown.any():
        axes.scatter(x[shown], y[shown], marker=marker, edgecolors=PAPER, linewidths=0.6, clip_on=False, **look)
