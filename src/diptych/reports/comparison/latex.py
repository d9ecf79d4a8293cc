r"""A comparison's main table in LaTeX, with the rules of `booktabs`: a `table` to be read with `\input`.

The cells are those of the Markdown table, without the columns that only explain the others. What stands out there, by
its verdict, stands out here: nothing else is marked.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from diptych.reports.comparison.comparison import Comparison
from diptych.reports.comparison.table import (
    DIFFERENCE,
    FIGURE,
    GROUP,
    HEADER,
    INTERVAL,
    MEAN,
    NOTHING,
    OVER,
    P_HOLM,
    VERDICT,
    rows_of,
)
from diptych.reports.comparison.text import notes, title

COLUMNS = {FIGURE: "l", GROUP: "l", MEAN: "r", INTERVAL: "r", OVER: "l", DIFFERENCE: "r", P_HOLM: "r", VERDICT: "l"}
"""The columns of `HEADER` that a paper shows, and how they are aligned."""
NUMBERS = (MEAN, INTERVAL, DIFFERENCE, P_HOLM)
DASH = "--"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "\u00a0": "~",
    "\u2212": "$-$",
    "→": r"$\rightarrow$",
    "\u00d7": r"$\times$",
    "±": r"$\pm$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_PERCENT = re.compile(r"[ \u00a0]%")
_NUMBER = re.compile(r"(?P<sign>[+-]?)(?P<digits>\d[\d.]*)(?:e(?P<power>[+-]\d+))?")


def comparisons_latex(comparisons: Sequence[Comparison]) -> str:
    """A `table` for each comparison, one below the other."""
    return "\n".join(map(comparison_latex, comparisons))


def comparison_latex(comparison: Comparison) -> str:
    """The title and what must be known first as the caption, the table, and its notes below."""
    caption = ". ".join((title(comparison), *comparison.alerts))
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{escaped(caption)}.}}",
        rf"  \label{{tab:{comparison.result.kind}}}",
        rf"  \begin{{tabular}}{{{''.join(COLUMNS.values())}}}",
        r"    \toprule",
        f"    {_line([escaped(name) for name in COLUMNS])}",
        r"    \midrule",
        *(f"    {line}" for line in _body(comparison)),
        r"    \bottomrule",
        r"  \end{tabular}",
        "",
        r"  \smallskip",
        rf"  \parbox{{\linewidth}}{{\footnotesize {escaped('. '.join(notes(comparison)))}.}}",
        r"\end{table}",
    ]
    return "\n".join(["% needs \\usepackage{booktabs}", *lines]) + "\n"


def escaped(text: str) -> str:
    """The text as LaTeX prints it."""
    spaced = _PERCENT.split(text)
    return r"\,\%".join("".join(_SPECIAL.get(character, character) for character in part) for part in spaced)


def _body(comparison: Comparison) -> Iterator[str]:
    """Each figure's name stands at its first group, and a space before the next figure."""
    places = [HEADER.index(name) for name in COLUMNS]
    rows = [[row[place] for place in places] for row in rows_of(comparison)]
    for number, (name, group) in enumerate(groupby(rows, key=itemgetter(0))):
        if number:
            yield r"\addlinespace"
        for place, (_, *cells) in enumerate(group):
            shown = [_cell(column, text) for column, text in zip(list(COLUMNS)[1:], cells, strict=True)]
            yield _line([escaped(name) if place == 0 else "", *shown])


def _cell(column: str, text: str) -> str:
    if text in (NOTHING, "—"):
        return DASH
    return escaped(text) if column not in NUMBERS else _NUMBER.sub(_number, escaped(text))


def _number(found: re.Match[str]) -> str:
    """Signs and powers as mathematics, all else as it is."""
    power = rf" \times 10^{{{int(found['power'])}}}" if found["power"] else ""
    text = f"{found['sign']}{found['digits']}{power}"
    return f"${text}$" if found["sign"] or power else text


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"
