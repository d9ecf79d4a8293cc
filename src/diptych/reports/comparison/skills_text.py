"""The aggregate of many skills as text for a terminal of 80 columns, as Markdown, and as plain values."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from diptych.metrics.statistics import Interval
from diptych.reports.comparison.skills import Estimate, ManyAsOne
from diptych.reports.page.columns import COLUMNS, shortened, table_line
from diptych.reports.page.tables import number

WIDTHS = (32, 9, 17, 17)
HEADER = ("value", "95 % interval", "of whole runs")
FEW = 10
"""With so few runs both intervals are too narrow (docs/coverage.md)."""
MEAN, IMPROVEMENT = "interquartile mean", "probability of improvement"


def skills_text(skills: ManyAsOne, labels: Sequence[str]) -> str:
    """The aggregate as text, below the table of single figures."""
    lines = [*wrap(f"many skills as one: {heading(skills)}", COLUMNS), "", table_line(("", *HEADER), WIDTHS)]
    for figure, own in _figures(skills, labels):
        lines.append(f"{figure} over {shortened(labels[0], 40)}" if figure == IMPROVEMENT else figure)
        for label, estimate in own.items():
            lines.append(table_line((shortened(f"  {label}", WIDTHS[0] - 1), *_cells(estimate)), WIDTHS))
    lines.append("")
    for note in notes(skills):
        lines += wrap(note, COLUMNS, subsequent_indent="  ")
    return "\n".join(lines)


def skills_markdown(skills: ManyAsOne, labels: Sequence[str]) -> str:
    """The aggregate as one table."""
    rows = [
        (f"{figure} over {labels[0]}" if figure == IMPROVEMENT else figure, label, *_cells(estimate))
        for figure, own in _figures(skills, labels)
        for label, estimate in own.items()
    ]
    lines = [("figure", "group", *HEADER), ["---"] * 5, *rows]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n\n".join((f"### Many skills as one: {heading(skills)}", table, *notes(skills)))


def skills_values(skills: ManyAsOne, labels: Sequence[str]) -> dict[str, Any]:
    """Plain values for JSON; the figures have those of the runs."""
    figures = {
        figure.replace(" ", "_"): {label: asdict(estimate) for label, estimate in own.items()}
        for figure, own in _figures(skills, labels)
    }
    return {"skills": list(skills.skills), **figures, "improvement_over": labels[0], "notes": notes(skills)}


def heading(skills: ManyAsOne) -> str:
    """The skills and runs of the aggregate."""
    return f"GenEval's rates of {len(skills.skills)} skills, {skills.num_runs} training seeds a group"


def notes(skills: ManyAsOne) -> list[str]:
    """Notes on the aggregates, their intervals, and the limits of few runs."""
    improvement = f"{IMPROVEMENT}: how often a run beats one of the first group in the same skill; ties count half"
    few = f"both are too narrow for {skills.num_runs} runs (docs/coverage.md has the numbers): base claims on the table"
    return [
        f"{MEAN}: the mean of the middle half of a group's rates, runs and skills together",
        *([improvement] if skills.improvements else []),
        "95 % interval: over training seeds, for these skills and prompts; it resamples runs within each skill "
        "(stratified bootstrap, Agarwal et al. 2021), as if the skills of a run were independent",
        "of whole runs: the same, but it resamples whole runs; prefer this one",
        *([few] if min(map(len, skills.scores)) <= FEW else []),
    ]


def _figures(skills: ManyAsOne, labels: Sequence[str]) -> Iterator[tuple[str, dict[str, Estimate]]]:
    yield MEAN, dict(zip(labels, skills.means, strict=True))
    if skills.improvements:
        yield IMPROVEMENT, dict(zip(labels[1:], skills.improvements, strict=True))


def _cells(estimate: Estimate) -> tuple[str, str, str]:
    value = number(estimate.value).replace("\u00a0", " ")
    return value, _ends(estimate.interval), _ends(estimate.interval_of_whole_runs)


def _ends(interval: Interval) -> str:
    return " to ".join(f"{100 * end:.1f}" for end in interval.ends)
