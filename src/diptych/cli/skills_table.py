"""A generator's skills as text of 80 columns: a line a skill, with both scores and single claims."""

import textwrap

from diptych.cli.tables import interval_lines, interval_text, title_line, value_text
from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.page.columns import COLUMNS, table_line

WIDTHS = (27, 8, 14, 7, 8, 8, 8)
HEADER = ("", "GenEval", "95 % interval", "floor", "ceiling", "strict", "atoms")
FURTHER = ("", "value", "95 % interval", "floor", "ceiling", "", "")


def skills_table(evaluation: Evaluation) -> str:
    """The skills, then what is not of one skill, then the notes; the result's file and report have further lines."""
    figures = {figure.name: figure for figure in evaluation.figures}
    skills = [figure for name, figure in figures.items() if f"{name}, strict" in figures]
    of_skills = {f"{figure.name}, {what}" for figure in skills for what in ("strict", "atoms", "product of atoms")}
    others = [figure for name, figure in figures.items() if figure not in skills and name not in of_skills]
    lines = [title_line(evaluation), _asked(evaluation), table_line(HEADER, WIDTHS)]
    for figure in skills:
        beside = (figures[f"{figure.name}, strict"], figures.get(f"{figure.name}, atoms"))
        lines.append(_line(figure, *(value_text(one.value, percent=True) if one else "-" for one in beside)))
    lines += ["", table_line(FURTHER, WIDTHS), *(_line(figure, "", "") for figure in others)]
    words = [*(f"{figure.name}: {figure.note}" for figure in others if figure.value is None), *evaluation.notes]
    lines += [line for text in words for line in textwrap.wrap(text, COLUMNS)]
    return "\n".join([*lines, *interval_lines(evaluation)])


def _asked(evaluation: Evaluation) -> str:
    prompts, copies = (evaluation.protocol[key] for key in ("num_prompts", "images_per_prompt"))
    return f"{prompts:,} prompts of each skill, {copies} picture{'s' if copies > 1 else ''} of each prompt"


def _line(figure: Figure, *further: str) -> str:
    values = (value_text(value, percent=True) for value in (figure.value, figure.floor, figure.ceiling))
    value, floor, ceiling = values
    return table_line((figure.name, value, interval_text(figure), floor, ceiling, *further), WIDTHS)
