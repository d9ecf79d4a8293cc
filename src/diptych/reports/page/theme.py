"""The look of all plots: the colours of our pages, and a canvas as files or as part of a page.

Names and numbers of colours are those of templates/style.css, so that a plot on a page is light or dark as the page is.
"""

import io
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from PIL import Image

PAPER, INK, SOFT, LINE = "#fbfaf7", "#23211d", "#6b655b", "#e5e0d6"
COLOURS = ("#2f5d9b", "#c0692a", "#4b8a6a", "#8a5a9e", "#a08a2c", "#6f7680")
SCALE = ("#253a73", "#2d5d8f", "#3d8287", "#5fa18c", "#93b98f", "#c3cda0", "#dfd7bb")
"""From the best to the worst: lightness alone tells them apart, whatever colours an eye can see."""
VARIABLES = {
    PAPER: "--paper",
    INK: "--ink",
    SOFT: "--soft",
    LINE: "--line",
    **dict(zip(COLOURS, ("--one", "--two", "--three", "--four", "--five", "--six"), strict=True)),
    **{colour: f"--scale-{place}" for place, colour in enumerate(SCALE)},
}
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Liberation Sans", "DejaVu Sans"],
    "font.size": 10,
    "svg.hashsalt": "diptych",
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
TITLE_FONT: dict[str, Any] = {"family": "serif", "size": 14}


PIXELS_A_POINT = 4 / 3
HEAD, FOOT = 0.62, 0.34
"""Inches above and below a plot's content, where it has a heading, and where something is said of it."""
PALETTE = 128


@dataclass(frozen=True)
class Sheet:
    """A canvas with room for content, measured in inches from its lower left corner."""

    canvas: Canvas
    foot: float = 0.0

    @classmethod
    def of(cls, width: float, height: float, heading: str = "", says: str = "") -> "Sheet":
        """So much content below the heading and above what is said of it; on a page, the page says both."""
        foot, head = (FOOT if says else 0.0), (HEAD if heading else 0.0)
        whole = height + foot + head
        canvas = Canvas(figsize=(width, whole))
        if heading:
            canvas.text(0.18 / width, 1 - 0.34 / whole, heading, fontdict=TITLE_FONT, va="center")
        if says:
            canvas.text(1 - 0.18 / width, 0.12 / whole, says, color=SOFT, size=8, ha="right", va="bottom")
        return cls(canvas, foot)

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """A place in the content."""
        w, h = self.canvas.get_size_inches()
        return self.canvas.add_axes((left / w, (bottom + self.foot) / h, width / w, height / h))


def scale_colour(rank: float) -> str:
    """Of a rank from 0, the best, to 1."""
    return SCALE[min(int(rank * len(SCALE)), len(SCALE) - 1)]


def plain_axes(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
    """A grid and nothing else."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.grid(axis=grid, color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def saved(canvas: Canvas, path: Path) -> list[Path]:
    """As PNG and SVG; the same comparison gives the same files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    files = [path.with_suffix(".png"), path.with_suffix(".svg")]
    canvas.savefig(files[0], dpi=160, metadata={"Software": None})
    canvas.savefig(files[1], metadata={"Date": None})
    return files


def saved_light(canvas: Canvas, path: Path) -> Path:
    """As a PNG of a palette, which a repository can keep; the same plot gives the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = io.BytesIO()
    canvas.savefig(whole, dpi=100)
    with Image.open(whole) as picture:
        picture.convert("RGB").quantize(PALETTE, Image.Quantize.MEDIANCUT).save(path, optimize=True)
    return path


def inline_svg(canvas: Canvas, description: str) -> str:
    """Part of a page: its text is text, its colours are the page's, and it is as wide as there is room."""
    written = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.fonttype": "none"}):
        canvas.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()
    svg = re.sub(
        r"<metadata>.*?</metadata>|<g id=\"\w+\"(?=>)", _without_name, svg[svg.index("<svg") :], flags=re.DOTALL
    )
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = svg.replace("'Liberation Sans', 'DejaVu Sans'", "var(--sans)")
    width, height = (round(72 * inches, 1) for inches in canvas.get_size_inches())
    shown = f'viewBox="0 0 {width} {height}" style="max-width: {round(width * PIXELS_A_POINT)}px"'
    return re.sub(r"<svg[^>]*", f'<svg {shown} role="img" aria-label="{escape(description)}"', svg, count=1)


def _without_name(found: re.Match[str]) -> str:
    """Groups of two plots on a page would have the same names."""
    return "<g" if found.group().startswith("<g") else ""
