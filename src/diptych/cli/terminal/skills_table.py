"""A generator's skills as text of 80 columns: a line a skill, with both scores and single claims."""

import textwrap

from diptych.cli.terminal.tables import interval_lines, interval_text, labelled_lines, title_line, value_text
from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.page.columns import COLUMNS, table_line

WIDTHS = (24, 8, 14, 8, 10, 8, 8)
HEADER = ("", "GenEval", "95 % interval", "chance", "reference", "strict", "atoms")
FURTHER = ("", "value", "95 % interval", "chance", "reference", "", "")


def skills_table(evaluation: Evaluation) -> str:
    """The skills, then what is not of one skill, then the notes; the result's file and report have further lines."""
    scores = {(figure.group, figure.split, figure.score): figure for figure in evaluation.figures if figure.group}
    others = [figure for figure in evaluation.figures if not figure.group]
    lines = [title_line(evaluation), _asked(evaluation), table_line(HEADER, WIDTHS)]
    for group, split in dict.fromkeys((group, split) for group, split, _ in scores):
        figure, *beside = (scores.get((group, split, score)) for score in ("geneval", "strict", "atoms"))
        if figure:
            lines += _lines(figure, *(value_text(one.value, percent=True) if one else "-" for one in beside))
    lines += ["", table_line(FURTHER, WIDTHS), *(line for figure in others for line in _lines(figure, "", ""))]
    words = [*(f"{figure.name}: {figure.note}" for figure in others if figure.value is None), *evaluation.notes]
    lines += [line for text in words for line in textwrap.wrap(text, COLUMNS)]
    return "\n".join([*lines, *interval_lines(evaluation)])


def _asked(evaluation: Evaluation) -> str:
    prompts, copies = (evaluation.protocol.get(key) for key in ("num_prompts", "images_per_prompt"))
    if not prompts or not copies:
        return ""
    return f"{prompts:,} prompts of each skill, {copies} picture{'s' if copies > 1 else ''} of each prompt"


def _lines(figure: Figure, *further: str) -> list[str]:
    values = (value_text(value, percent=True) for value in (figure.value, figure.chance, figure.reference))
    value, chance, reference = values
    return labelled_lines(figure.name, (value, interval_text(figure), chance, reference, *further), WIDTHS)
