"""An evaluation as text that fits a terminal of 80 columns."""

from diptych.runs.results import Evaluation, Figure

WIDTHS = (34, 6, 9, 14, 8, 9)
HEADER = ("", "n", "value", "95 % interval", "floor", "ceiling")


def evaluation_table(evaluation: Evaluation) -> str:
    """Title, one line a figure, why things were wrong, and what the figures mean."""
    lines = [f"{evaluation.title} ({evaluation.protocol['data']}, {evaluation.protocol['split']})", _line(HEADER)]
    lines += [_line(_cells(figure)) for figure in evaluation.figures]
    lines += [f"  {figure.name}: {figure.note}" for figure in evaluation.figures if figure.value is None]
    if evaluation.reasons:
        ordered = sorted(evaluation.reasons.items(), key=lambda item: -item[1])
        lines.append("wrong because of " + ", ".join(f"{reason} {count}" for reason, count in ordered))
    return "\n".join(lines)


def value_text(value: float | None, *, percent: bool) -> str:
    """A number as a terminal shows it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if percent else f"{value:.3g}"


def _cells(figure: Figure) -> tuple[str, ...]:
    interval = "-"
    if figure.interval and figure.value is not None:
        interval = " to ".join(f"{100 * b:.1f}" if figure.percent else f"{b:.3g}" for b in figure.interval)
    values = (value_text(v, percent=figure.percent) for v in (figure.value, figure.floor, figure.ceiling))
    value, floor, ceiling = values
    return figure.name, f"{figure.n:,}" if figure.n else "-", value, interval, floor, ceiling


def _line(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)
