"""An evaluation as text that fits a terminal of 80 columns."""

import textwrap
from collections.abc import Sequence

from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.page.columns import COLUMNS, fitting, table_line
from diptych.reports.page.tables import extent_words, interval_words

WIDTHS = (34, 6, 8, 14, 8, 10)
WIDEST_VALUE, WIDEST_INTERVAL = 7, 13
HEADER = ("", "n", "value", "95 % interval", "chance", "reference")


def evaluation_table(evaluation: Evaluation) -> str:
    """Title, one line a figure, why things were wrong, and what the figures mean."""
    lines = [*textwrap.wrap(title_line(evaluation), COLUMNS, subsequent_indent="  ")]
    lines += [*textwrap.wrap(evaluation.alert, COLUMNS, subsequent_indent="  "), table_line(HEADER, WIDTHS)]
    lines += [line for figure in evaluation.figures for line in labelled_lines(figure.name, _cells(figure), WIDTHS)]
    words = [f"{figure.name}: {figure.remark}" for figure in evaluation.figures if _needs_words(figure)]
    lines += [textwrap.fill(text, COLUMNS, initial_indent="  ", subsequent_indent="    ") for text in words]
    lines += interval_lines(evaluation)
    if evaluation.reasons:
        ordered = sorted(evaluation.reasons.items(), key=lambda item: -item[1])
        lines.append("wrong because of " + ", ".join(f"{reason} {count}" for reason, count in ordered))
    return "\n".join(lines)


def title_line(evaluation: Evaluation) -> str:
    """What was measured on what."""
    protocol = evaluation.protocol
    return f"{evaluation.title} ({protocol['data']}, {protocol['split']}): {extent_words(protocol)}"


def interval_lines(evaluation: Evaluation) -> list[str]:
    """What the intervals range over; nothing where there are none."""
    return textwrap.wrap(interval_words(evaluation), COLUMNS, subsequent_indent="  ", break_on_hyphens=False)


def _needs_words(figure: Figure) -> bool:
    """Figures without a value, and those of which half is no number."""
    return figure.value is None or bool(figure.finding)


def labelled_lines(label: str, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """A label beside its cells; a long one goes on in a further line."""
    first, *more = textwrap.wrap(label, widths[0], subsequent_indent="  ") or [""]
    return [table_line((first, *cells), widths), *more]


def value_text(value: float | None, *, percent: bool) -> str:
    """A number as a terminal shows it; a dash where there is none."""
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if percent else fitting((value,), WIDEST_VALUE)


def interval_text(figure: Figure) -> str:
    """Both ends, in percent or as they are; a dash where there is no interval."""
    if figure.interval is None or figure.value is None:
        return "-"
    if figure.percent:
        return " to ".join(f"{100 * bound:.1f}" for bound in figure.interval)
    return fitting(figure.interval, WIDEST_INTERVAL)


def _cells(figure: Figure) -> tuple[str, ...]:
    values = (value_text(v, percent=figure.percent) for v in (figure.value, figure.chance, figure.reference))
    value, chance, reference = values
    return f"{figure.n:,}" if figure.n else "-", value, interval_text(figure), chance, reference
