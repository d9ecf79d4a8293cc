"""Trials as dots, the leader in its own colour and in front."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from diptych.reports.paper import COLOURS, PAPER
from diptych.reports.sweeps.windows import Window

DOT, LEADER_DOT = 26, 62
USUAL_COLOUR, LEADER_COLOUR = COLOURS[0], COLOURS[1]


def dots(axes: Axes, x: np.ndarray, y: Sequence[float], is_leader: Sequence[bool], window: Window) -> None:
    """One a trial; those beyond the picture are triangles at its edge that point to where they are."""
    heights = window.clipped(y)
    for place, height, value, leads in zip(x, heights, y, is_leader, strict=True):
        axes.scatter(
            place,
            height,
            s=LEADER_DOT if leads else DOT,
            marker="o" if height == value else "^" if value > height else "v",
            color=LEADER_COLOUR if leads else USUAL_COLOUR,
            edgecolors=PAPER,
            linewidths=0.6,
            alpha=1.0 if leads else 0.8,
            zorder=4 if leads else 3,
            clip_on=False,
        )
