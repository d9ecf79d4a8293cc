"""What a plot shows of a figure: the good and the usual; the very bad stand at its edge, marked as such."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from diptych.reports.page.curves import short_number
from diptych.reports.sweeps.trials import MAX

FENCE = 2.0
"""Quartile distances beyond the worse quartile, from which on values are out of the picture (after Tukey)."""
FEW = 10
"""Of fewer values none is cut off."""
LOG_FROM = 30.0
MARGIN = 0.08


@dataclass(frozen=True)
class Window:
    """From `low` to `high`, on a logarithmic axis if `is_log`; better is up where the mode is max."""

    low: float
    high: float
    is_log: bool = False

    def clipped(self, values: Sequence[float]) -> Float[np.ndarray, " n"]:
        """What lies beyond, moved to the edge."""
        return np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)

    def share(self, value: float) -> float:
        """Where the value stands between the ends, from 0 to 1 for values within."""
        ends = (self.low, self.high, value)
        low, high, own = np.log10(ends) if self.is_log else ends
        return float((own - low) / (high - low))

    def apply(self, axes: Axes) -> None:
        """Limits, with a margin, and few numbers."""
        if self.is_log:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
            axes.yaxis.set_minor_locator(NullLocator())
            margin = (self.high / self.low) ** MARGIN
            axes.set_ylim(self.low / margin, self.high * margin)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            margin = MARGIN * (self.high - self.low)
            axes.set_ylim(self.low - margin, self.high + margin)
        axes.yaxis.set_major_formatter(lambda value, _: short_number(value))


def window_of(values: Sequence[float], mode: str) -> Window:
    """Of all values but those that are worse by far than most."""
    known = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if not len(known):
        return Window(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    first, third = (float(quartile) for quartile in np.quantile(known, (0.25, 0.75)))
    fence = FENCE * (third - first) if len(known) >= FEW else np.inf
    if mode == MAX:
        low = float(known[known >= first - fence].min())
    else:
        high = float(known[known <= third + fence].max())
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    return Window(low, high, is_log=low > 0 and high >= LOG_FROM * low)
