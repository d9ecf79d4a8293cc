"""Axis limits: a plot shows the good and the usual values; outliers on the bad side sit at its edge."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from diptych.reports.page.curves import short_number
from diptych.sweeps.objective import MAX

FENCE = 2.0
"""Values this many quartile distances beyond the worse quartile are outliers (after Tukey)."""
FEW = 10
"""With fewer values none is an outlier."""
LOG_FROM = 30.0
MARGIN = 0.08


@dataclass(frozen=True)
class AxisLimits:
    """The range from `low` to `high`; `is_log` means a logarithmic axis."""

    low: float
    high: float
    is_log: bool = False

    def clipped(self, values: Sequence[float]) -> Float[np.ndarray, " n"]:
        """The values, with those beyond the limits moved to the edge."""
        return np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)

    def share(self, value: float) -> float:
        """The value's position between the limits, from 0 to 1 for values within."""
        ends = (self.low, self.high, value)
        low, high, own = np.log10(ends) if self.is_log else ends
        return float((own - low) / (high - low))

    def apply(self, axes: Axes) -> None:
        """Set the limits of the y axis, with a margin and few ticks."""
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


def axis_limits_of(values: Sequence[float], mode: str) -> AxisLimits:
    """The limits of all values but outliers on the bad side."""
    known = np.asarray([value for value in values if np.isfinite(value)], dtype=np.float64)
    if not len(known):
        return AxisLimits(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    first, third = (float(quartile) for quartile in np.quantile(known, (0.25, 0.75)))
    fence = FENCE * (third - first) if len(known) >= FEW else np.inf
    if mode == MAX:
        low = float(known[known >= first - fence].min())
    else:
        high = float(known[known <= third + fence].max())
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
    return AxisLimits(low, high, is_log=low > 0 and high >= LOG_FROM * low)
