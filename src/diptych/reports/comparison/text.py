"""A comparison as text for a terminal of 80 columns, as Markdown, and as plain values."""

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any

from diptych.evaluation.results import CONTENTS, EXAMPLES, PICTURES
from diptych.evaluation.skills.names import NEW_CONTENTS, PROMPTS
from diptych.metrics.protocols import SUBJECT
from diptych.metrics.statistics import Interval
from diptych.metrics.statistics.seeds import BOUNDED, SEEDS, STUDENT_T
from diptych.reports.comparison.comparison import LEVEL, Cell, Comparison, Row
from diptych.reports.comparison.groups import Group
from diptych.reports.comparison.skills_text import skills_markdown, skills_text, skills_values
from diptych.reports.comparison.table import HEADER as HEADER_OF_PAPERS
from diptych.reports.comparison.table import NOTHING, rows_of
from diptych.reports.page.columns import COLUMNS, SIGNIFICANT, fitting, shortened, table_line
from diptych.reports.page.markdown import markdown_table
from diptych.reports.page.tables import extent_words
from diptych.reports.run.run_data import data_words

WIDTHS = (23, 8, 15, 13, 7, 6, 8)
HEADER = ("", "mean", "95 % interval", "over", "diff", "p", "")
SHORT = {SEEDS: "seeds", EXAMPLES: "ex.", CONTENTS: "cont.", PICTURES: "pict.", PROMPTS: "prom.", NEW_CONTENTS: "new"}
METHODS = {STUDENT_T: "Student's t", BOUNDED: "Gaffke's where all runs agree"}
IN_PERCENT = (".1f", ".0f")


def comparison_text(comparison: Comparison) -> str:
    """The title, one line per group and figure, the notes, and the aggregate of many skills."""
    lines = wrap(title(comparison), COLUMNS)
    lines += [line for alert in comparison.alerts for line in wrap(alert, COLUMNS, subsequent_indent="  ")]
    lines += ["", table_line(HEADER, WIDTHS)]
    labels = without_common_key([group.label for group in comparison.groups])
    for row in comparison.rows:
        lines.append(row.name)
        lines += [
            table_line(_cells(f"  {label}", cell, row), WIDTHS) for label, cell in zip(labels, row.cells, strict=True)
        ]
    lines.append("")
    for note in notes(comparison):
        lines += wrap(note, COLUMNS, subsequent_indent="  ")
    if comparison.skills:
        lines += ["", skills_text(comparison.skills, labels)]
    return "\n".join(lines)


def comparison_markdown(comparison: Comparison) -> str:
    """The comparison as one table, with the digits for a paper."""
    table = markdown_table(HEADER_OF_PAPERS, rows_of(comparison))
    labels = [group.label for group in comparison.groups]
    skills = [skills_markdown(comparison.skills, labels)] if comparison.skills else []
    return "\n\n".join((f"## {title(comparison)}", *comparison.alerts, table, *notes(comparison), *skills)) + "\n"


def comparison_values(comparison: Comparison) -> dict[str, Any]:
    """Plain values for JSON."""
    labels = [group.label for group in comparison.groups]
    return {
        "kind": comparison.result.kind,
        "title": comparison.result.title,
        "alerts": list(comparison.alerts),
        "protocol": {key: value for key, value in comparison.result.protocol.items() if key not in SUBJECT},
        "groups": [
            {"label": g.label, "runs": [run.run_id for run in g.runs], "seeds": list(g.seeds)}
            for g in comparison.groups
        ],
        "figures": [
            {
                "key": row.figure.key,
                "name": row.name,
                "percent": row.percent,
                "groups": [_plain(cell) for cell in row.cells],
            }
            for row in comparison.rows
        ],
        "left_out": list(comparison.left_out),
        "notes": notes(comparison),
        "many_skills_as_one": skills_values(comparison.skills, labels) if comparison.skills else None,
    }


def title(comparison: Comparison) -> str:
    """The benchmark and its data."""
    protocol = comparison.result.protocol
    seed = f", seed {protocol['seed']}" if "seed" in protocol else ""
    return (
        f"{comparison.result.title}: {data_words(protocol)}, {protocol.get('split', '?')} split, "
        f"{extent_words(protocol)}{seed}"
    )


def without_common_key(labels: Sequence[str]) -> list[str]:
    """`lstm`, `rnn` for `decoder=lstm`, `decoder=rnn`, to save room in a narrow table."""
    key = labels[0].partition("=")[0] + "="
    shared = len(labels) > 1 and all(label.startswith(key) and label.count("=") == 1 for label in labels)
    return [label.removeprefix(key) if shared else label for label in labels]


def notes(comparison: Comparison) -> list[str]:
    """Notes on the groups, the intervals, the tests, and what is left out."""
    return [
        *map(_members, comparison.groups),
        *_interval_notes(comparison),
        *_test_notes(comparison),
        *(f"left out: {x}" for x in comparison.left_out),
    ]


def _members(group: Group) -> str:
    """A single run's id, or the seeds of several runs."""
    if len(group.runs) == 1:
        return f"{group.label}: run {group.runs[0].run_id}, seed {group.seeds[0]}"
    return f"{group.label}: seeds {', '.join(map(str, group.seeds))}"


def _interval_notes(comparison: Comparison) -> list[str]:
    intervals = [cell.interval for row in comparison.rows for cell in row.cells if cell.interval]
    over_seeds = {interval.method for interval in intervals if interval.over == SEEDS}
    others = dict.fromkeys(interval.over for interval in intervals if interval.over != SEEDS)
    lines = []
    if over_seeds:
        methods = "; ".join(words for method, words in METHODS.items() if method in over_seeds)
        lines.append(
            f"over seeds: the interval of the mean for other training seeds, on these examples ({methods}); "
            "comparison.md has the interval for other contents too"
        )
    if others:
        names = ", ".join(f"{over} ({SHORT[over]})" if over in SHORT else over for over in others)
        lines.append(f"one seed only: the interval is over {names} and does not cover other seeds")
    return lines


def _test_notes(comparison: Comparison) -> list[str]:
    contrasts = comparison.contrasts()
    if not contrasts:
        few = "no tests: they need two shared seeds at least, or single runs with kept hits (evaluate them again)"
        return [few] if len(comparison.groups) > 1 else []
    kinds = dict.fromkeys(f"{c.method} over {c.n} {c.over}" for c in contrasts)
    lines = [
        f"diff and p: against {comparison.groups[0].label}; {'; '.join(kinds)}; p adjusted by Holm for "
        f"{len(contrasts)} {'tests' if len(contrasts) > 1 else 'test'}; verdict at {LEVEL:g}"
    ]
    return lines + _too_few(comparison)


def _too_few(comparison: Comparison) -> list[str]:
    """Notes on verdicts that are impossible with so few data."""
    return [
        f"too few: {row.name} could not give a p below {cell.contrast.smallest_p:.3g} with so few changes"
        for row in comparison.rows
        for cell in row.cells
        if cell.contrast is not None and cell.verdict == "too few"
    ]


def _cells(label: str, cell: Cell, row: Row) -> tuple[str, ...]:
    return (
        shortened(label, WIDTHS[0] - 1),
        _mean(cell.mean, row.percent),
        _fitting(cell.interval.ends, WIDTHS[2], row.percent) if cell.interval else NOTHING,
        _over(cell.interval),
        _fitting([cell.contrast.difference], WIDTHS[4], row.percent, "+") if cell.contrast else NOTHING,
        NOTHING if cell.p is None else f"{cell.p:.3f}" if cell.p >= 0.001 else "<.001",
        cell.verdict,
    )


def _mean(mean: float | None, percent: bool) -> str:
    if mean is None:
        return NOTHING
    return f"{100 * mean:.1f} %" if percent else fitting((mean,), WIDTHS[1] - 1, (".4g", *SIGNIFICANT))


def _fitting(numbers: Sequence[float], width: int, percent: bool, sign: str = "") -> str:
    """The numbers with as many digits as fit the column."""
    times, formats = (100, IN_PERCENT) if percent else (1, SIGNIFICANT)
    return fitting([times * number for number in numbers], width - 1, [f"{sign}{one}" for one in formats])


def _over(interval: Interval | None) -> str:
    if interval is None:
        return NOTHING
    return shortened(f"{interval.n:,} {SHORT.get(interval.over, interval.over)}", WIDTHS[3] - 1)


def _plain(cell: Cell) -> dict[str, Any]:
    return {**asdict(cell), "verdict": cell.verdict or None}
