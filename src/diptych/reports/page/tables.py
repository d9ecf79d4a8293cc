"""Numbers on a page: the headline, the table of figures with chance and reference, and what went wrong how often."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from diptych.evaluation.results import EXAMPLES, Evaluation, Figure
from diptych.reports.page.html import paragraph, plain_table

NOTHING = "—"
PERCENT = "\u00a0%"
PLOT_WIDTH, PLOT_HEIGHT = 170, 18
HEADER = ("figure", "value", "", "95 % interval", "n", "chance", "reference")


def number(value: float | None, *, percent: bool = True) -> str:
    """A value as people read it: 97.3 %, 1.043; a dash where there is none."""
    if value is None:
        return NOTHING
    return f"{100 * value:.1f}{PERCENT}" if percent else f"{value:.4g}"


def interval_text(figure: Figure) -> str:
    """The interval's ends; a dash where there is none."""
    if figure.interval is None:
        return NOTHING
    low, high = figure.interval
    return f"{100 * low:.1f} to {100 * high:.1f}" if figure.percent else f"{low:.4g} to {high:.4g}"


def sureness(figure: Figure) -> str:
    """The interval and the number of examples in words."""
    parts = []
    if figure.interval:
        low, high = (number(bound, percent=figure.percent) for bound in figure.interval)
        parts.append(f"{low.removesuffix(PERCENT)} to {high}")
    if figure.n:
        parts.append(f"n = {figure.n:,}")
    return ", ".join(parts)


def interval_words(evaluation: Evaluation) -> str:
    """What the table's intervals range over, how many of those there were, and how the ends were found."""
    overs: dict[str, list[Figure]] = {}
    for figure in evaluation.figures:
        if figure.value is not None and figure.own_interval:
            overs.setdefault(figure.own_interval.over, []).append(figure)
    parts = "; ".join(_over_words(over, figures) for over, figures in overs.items())
    return f"Intervals: {parts}" if parts else ""


def headline(entries: Sequence[tuple[str, Figure, str]]) -> str:
    """Big numbers: (label, figure, one more remark) each."""
    cards = (
        f'<div><span class="value">{number(figure.value, percent=figure.percent)}</span>'
        f'<span class="label">{escape(label)}</span>'
        f'<span class="detail">{escape(" · ".join(filter(None, [sureness(figure), remark])))}</span></div>'
        for label, figure, remark in entries
    )
    return f'<div class="headline">{"".join(cards)}</div>' if entries else ""


def remark(evaluation: Evaluation, figure: Figure) -> str:
    """What a headline says of a figure: its label, and what must be known first."""
    return "; ".join(filter(None, (evaluation.alert, figure.name)))


def figures_table(evaluation: Evaluation) -> str:
    """Every figure with its interval between chance and reference; the first line is the main one."""
    head = "".join(f'<th class="{name or "plot"}">{name}</th>' for name in HEADER)
    rows = "".join(_figure_row(figure, main=i == 0) for i, figure in enumerate(evaluation.figures))
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def evaluation_block(evaluation: Evaluation) -> str:
    """The table, the notes that belong to it, why things were wrong, and under which protocol it was measured."""
    return "\n".join(
        (
            figures_table(evaluation),
            *(paragraph(note) for note in (*evaluation.notes, interval_words(evaluation))),
            reasons_table(evaluation),
            protocol_line(evaluation),
        )
    )


def extent_words(protocol: Mapping[str, Any]) -> str:
    """`40 of 8,091 examples, all seen in training`: how many there were, and what is known of them."""
    num, available = protocol.get("num", 0), protocol.get("available")
    parts = [f"{num:,} of {available:,} examples" if available else f"{num:,} examples"]
    partner = protocol.get("with") or {}
    for facts, words in ((protocol, "seen in training"), (partner, f"seen in training by {partner.get('run')}")):
        if "seen_in_training" in facts:
            parts.append(f"{_number_words(facts['seen_in_training'], num)} {words}")
    if named := protocol.get("named_as_in_training"):
        parts.append(f"{named:,} named as training examples, perhaps copies saved again")
    if left_out := protocol.get("left_out"):
        parts.append(f"left out: {', '.join(left_out)}")
    return ", ".join(parts)


def _number_words(seen: int | None, num: int) -> str:
    return "nobody knows how many" if seen is None else "all" if seen == num else f"{seen:,}"


def alert_paragraph(evaluation: Evaluation) -> str:
    """What a reader must know before the first figure; nothing where there is nothing."""
    return f'<p class="alert"><b>{escape(evaluation.alert)}</b></p>' if evaluation.alert else ""


def reasons_table(evaluation: Evaluation) -> str:
    """How often each reason was given for a wrong one, most frequent first."""
    if not evaluation.reasons:
        return ""
    ordered = sorted(evaluation.reasons.items(), key=lambda item: -item[1])
    return plain_table(("what was wrong", "times"), ordered)


def protocol_line(evaluation: Evaluation) -> str:
    """How it was measured, small; the result's file knows more."""
    protocol = evaluation.protocol
    parts = [f"{key} {protocol[key]}" for key in ("run", "data", "split", "seed", "beam") if key in protocol]
    parts.append(extent_words(protocol))
    if "checkpoint" in protocol:
        weights = ", averaged weights" if protocol["ema"] else ""
        parts.insert(1, f"{protocol['checkpoint']} checkpoint at {protocol['images_seen']:,} images{weights}")
    parts += protocol.get("overrides", ())
    if protocol.get("with"):
        parts.append(f"with {protocol['with']['run']}")
    if protocol.get("config_digest"):
        parts.append(f"configuration {protocol['config_digest']}")
    if protocol.get("commit"):
        parts.append(f"commit {protocol['commit'][:10]}{', changed since' if protocol['dirty'] else ''}")
    return f'<p class="soft"><small>{escape(" · ".join(parts))}</small></p>'


def _over_words(over: str, figures: Sequence[Figure]) -> str:
    """`held-out contents (406), cluster bootstrap, Wilson of clusters`; examples are counted in the table already."""
    counts = sorted({figure.contents for figure in figures if figure.contents and over != EXAMPLES})
    ends = " to ".join(f"{count:,}" for count in dict.fromkeys((*counts[:1], *counts[-1:])))
    methods = dict.fromkeys(figure.interval_method for figure in figures if figure.interval_method)
    return ", ".join((f"{over} ({ends})" if ends else over, *methods))


def _figure_row(figure: Figure, *, main: bool) -> str:
    cells = (
        f"<td>{escape(figure.name)}{f'<small>{escape(figure.remark)}</small>' if figure.remark else ''}</td>",
        f"<td>{number(figure.value, percent=figure.percent)}</td>",
        f'<td class="plot">{_interval_plot(figure)}</td>',
        f"<td>{interval_text(figure)}</td>",
        f'<td class="n">{f"{figure.n:,}" if figure.n else NOTHING}</td>',
        f"<td>{number(figure.chance, percent=figure.percent)}</td>",
        f"<td>{number(figure.reference, percent=figure.percent)}</td>",
    )
    return f"<tr{' class=main' if main else ''}>{''.join(cells)}</tr>"


def _interval_plot(figure: Figure) -> str:
    """0 to 100 %: a grey stroke at chance and reference, a bar for the interval, a dot for the value.

    What passes 100 % stands at the edge.
    """
    if figure.value is None or not figure.percent:
        return ""
    middle = PLOT_HEIGHT / 2

    def x(value: float) -> float:
        return round(5 + (PLOT_WIDTH - 10) * min(value, 1.0), 1)

    parts = [f'<line class="axis" x1="{x(0)}" x2="{x(1)}" y1="{middle}" y2="{middle}"/>']
    for bound in [b for b in (figure.chance, figure.reference) if b is not None]:
        parts.append(
            f'<line x1="{x(bound)}" x2="{x(bound)}" y1="3" y2="{PLOT_HEIGHT - 3}" style="stroke: var(--soft)"/>'
        )
    if figure.interval:
        low, high = map(x, figure.interval)
        parts.append(
            f'<line x1="{low}" x2="{high}" y1="{middle}" y2="{middle}" style="stroke: var(--one); stroke-width: 3"/>'
        )
    parts.append(f'<circle cx="{x(figure.value)}" cy="{middle}" r="4" style="fill: var(--one)"/>')
    return f'<svg viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>'
