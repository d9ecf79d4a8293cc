"""Trials as dots, the leader in its own colour and in front."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from diptych.reports.page.theme import COLOURS, PAPER
from diptych.reports.sweeps.axis_limits import Window

DOT, LEADER_DOT = 26, 62
USUAL_COLOUR, LEADER_COLOUR = COLOURS[0], COLOURS[1]


def dots(axes: Axes, x: np.ndarray, y: Sequence[float], is_leader: Sequence[bool], window: Window) -> None:
    """One a trial; those beyond the picture are triangles at its edge that point to where they are."""
    values, leads = np.asarray(y, dtype=np.float64), np.asarray(is_leader)
    heights = window.clipped(y)
    for marker, shown in (("o", heights == values), ("^", heights < values), ("v", heights > values)):
        _group(axes, x, heights, shown & ~leads, marker, s=DOT, color=USUAL_COLOUR, alpha=0.8, zorder=3)
        _group(axes, x, heights, shown & leads, marker, s=LEADER_DOT, color=LEADER_COLOUR, zorder=4)


def _group(axes: Axes, x: np.ndarray, y: np.ndarray, shown: np.ndarray, marker: str, **look: Any) -> None:
    if shown.any():
        axes.scatter(x[shown], y[shown], marker=marker, edgecolors=PAPER, linewidths=0.6, clip_on=False, **look)
