"""Line charts as inline SVG whose colours follow the page, light or dark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, isfinite, log10

WIDTH, HEIGHT = 380, 190
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 10, 24
COLOURS = ("--one", "--two", "--three", "--four", "--five", "--six")
MOST_POINTS = 240

Series = Mapping[str, Sequence[tuple[float, float]]]


def curve(title: str, series: Series, *, x_label: str = "images") -> str:
    """One chart of several named lines of (x, y); lines without a finite point are left out."""
    lines = {name: _thinned(points) for name, points in series.items()}
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return ""
    frame = _Frame.around([point for points in lines.values() for point in points])
    drawn = (_line(points, COLOURS[i % len(COLOURS)], frame) for i, points in enumerate(lines.values()))
    return (
        f'<div class="curve"><h3>{escape(title)}</h3>{_legend(tuple(lines))}'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{_axes(frame, x_label)}{''.join(drawn)}</svg></div>"
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """The data's rectangle, and how it lies on the paper."""

    x_min: float
    x_max: float
    y_min: float
    y_max: float

    @classmethod
    def around(cls, points: Sequence[tuple[float, float]]) -> "_Frame":
        xs, ys = [x for x, _ in points], [y for _, y in points]
        y_ticks = ticks(min(ys), max(ys))
        return cls(min(0.0, min(xs)), max(*xs, 1.0), min(y_ticks[0], min(ys)), max(y_ticks[-1], max(ys)))

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x_min) / (self.x_max - self.x_min)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.y_min) / (self.y_max - self.y_min)


def ticks(low: float, high: float, *, about: int = 4) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) at equal steps whose range holds `low` and `high`."""
    if high - low < 1e-9 * max(1.0, abs(low)):
        low, high = low - 0.5, high + 0.5
    magnitude = 10.0 ** floor(log10((high - low) / about))
    step = min((m * magnitude for m in (1, 2, 5, 10)), key=lambda s: abs((high - low) / s - about))
    first, last = floor(low / step + 1e-9), -floor(-high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def short_number(value: float) -> str:
    """A number as an axis says it: 250, 1.5k, 2M, 0.02."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Finite points, averaged in groups of neighbours down to what a chart can show."""
    finite = [(x, y) for x, y in points if isfinite(x) and isfinite(y)]
    group = -(-len(finite) // MOST_POINTS) or 1
    chunks = (finite[i : i + group] for i in range(0, len(finite), group))
    return [(chunk[-1][0], sum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


def _line(points: Sequence[tuple[float, float]], colour: str, frame: _Frame) -> str:
    if len(points) == 1:
        x, y = points[0]
        return f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" style="fill: var({colour})"/>'
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    return f'<polyline class="line" style="stroke: var({colour})" points="{path}"/>'


def _axes(frame: _Frame, x_label: str) -> str:
    parts = []
    for value in ticks(frame.y_min, frame.y_max):
        y = frame.y(value)
        parts.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{short_number(value)}</text>')
    for value in [v for v in ticks(frame.x_min, frame.x_max, about=4) if v <= frame.x_max]:
        label = f"{short_number(value)} {x_label}" if value == 0 else short_number(value)
        anchor = "start" if value == 0 else "middle"
        parts.append(f'<text x="{frame.x(value):.1f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{escape(label)}</text>')
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    marks = (
        f'<span><b style="background: var({COLOURS[i % len(COLOURS)]})"></b>{escape(name)}</span>'
        for i, name in enumerate(names)
        if len(names) > 1
    )
    return f'<div class="legend">{"".join(marks)}</div>'
