"""A sweep as one self-contained page: who leads and how surely, every trial, what mattered, and what failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from diptych.reports.page.html import facts, fold, page, paragraph, plain_table, section
from diptych.reports.page.theme import STYLE, inline_svg
from diptych.reports.sweeps import parallel, plots, slices
from diptych.reports.sweeps.best_trial import Winner, command_lines
from diptych.reports.sweeps.files import Reading
from diptych.reports.sweeps.page_table import trials_table
from diptych.reports.sweeps.parameters import value_text
from diptych.reports.sweeps.pareto import cheapest, pareto_front
from diptych.reports.sweeps.trials import SweepTable
from diptych.reports.sweeps.wording import (
    CHOICE,
    confirmation_text,
    counts_text,
    failures_of,
    figure_text,
    importance_text,
    interval_text,
    leader_text,
    objectives_text,
    parameters_text,
    rivals_text,
)
from diptych.sweeps.status import duration

WIDE = 88


@dataclass(frozen=True)
class SweepStory:
    """What a sweep's page tells: its reading, what was typed for it, with which code, and where its runs lie."""

    reading: Reading
    commands: Sequence[str] = ()
    code: Mapping[str, object] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


def sweep_page(story: SweepStory) -> str:
    """The whole document."""
    table, winner = story.reading.table, story.reading.winner
    ranking = objectives_text(table)
    with mpl.rc_context(STYLE):
        return page(
            title=table.name,
            kicker=f"diptych · sweep · {', '.join(f'{number} {state}' for state, number in table.counts.items())}",
            lead=f"{counts_text(table)}. {f'Ranked by {ranking}.' if ranking else ''}",
            sections_html=(
                _headline(table, winner),
                _leading(table, winner),
                section("Every configuration", trials_table(table, story.links), _notes(table), lead=_lead(table)),
                _objectives(table),
                _parameters(story.reading),
                _learned(table),
                _compute(table),
                _failures(table),
                section("The sweep", facts(story.code), fold("What was typed", "\n\n".join(story.commands))),
            ),
            footer=f"Made by `diptych report {table.name}`. {CHOICE}",
        )


def _headline(table: SweepTable, winner: Winner | None) -> str:
    """Big numbers: what the leader reaches, how many were tried, and what it cost."""
    runs = table.runs
    images, seconds = sum(run.images for run in runs), sum(run.seconds for run in runs)
    cards = [
        *([_leader_card(table, winner)] if winner else []),
        (str(len(table.trials)), "configurations", f"{len(table.ranked)} with a figure"),
        (duration(seconds), "of running time", f"{len(runs)} runs · {images:,} images"),
    ]
    boxes = (
        f'<div><span class="value">{escape(value)}</span><span class="label">{escape(label)}</span>'
        f'<span class="detail">{escape(detail)}</span></div>'
        for value, label, detail in cards
    )
    return f'<div class="headline">{"".join(boxes)}</div>'


def _leader_card(table: SweepTable, winner: Winner) -> tuple[str, str, str]:
    trial = winner.trial
    sure = [f"95 % interval {interval_text(trial)}"] if trial.interval() else []
    detail = " · ".join([table.objectives[0].name, *sure, f"n = {len(trial.counted)}"])
    return figure_text(trial.mean()), f"#{trial.number}, {winner.title}", detail


def _leading(table: SweepTable, winner: Winner | None) -> str:
    if winner is None:
        return ""
    values = {key: value_text(value) for key, value in winner.trial.parameters.items()}
    return section(
        f"#{winner.trial.number}, {winner.title}",
        facts(values) if values else "",
        paragraph(f"{leader_text(table, winner)}. {rivals_text(winner)} {confirmation_text(winner)}"),
        f"<h3>Its best run, {escape(winner.run.run_id)}, again</h3>",
        _typed(winner.reproduce),
        _confirmation(winner),
    )


def _confirmation(winner: Winner) -> str:
    """How to come by one."""
    if winner.is_confirmed:
        return ""
    title = "<h3>To confirm it, with fresh seeds on the test split</h3>"
    return f"{title}{_typed(winner.confirm)}{paragraph('which does')}{_typed(winner.retrain, winner.evaluate)}"


def _lead(table: SweepTable) -> str:
    said = "The best first. A figure is the mean of a configuration's runs, each at its best validation."
    return f"{said} Test figures are {table.tested_name}; they choose nothing." if table.tested_name else said


def _notes(table: SweepTable) -> str:
    return "".join(paragraph(f"{note[:1].upper()}{note[1:]}.") for note in table.notes)


def _objectives(table: SweepTable) -> str:
    drawn = plots.draw_pareto(table)
    if drawn is None:
        return ""
    front = pareto_front(table)
    rows = [
        (f"#{t.number} {parameters_text(t)}", *(figure_text(t.mean(i)) for i in range(len(table.objectives))))
        for t in front
    ]
    header = ("on the front", *(objective.name for objective in table.objectives))
    lead = "A configuration is on the front if no other is at least as good in everything and better in something."
    return section("Objectives against each other", _plot(drawn, "Pareto front"), plain_table(header, rows), lead=lead)


def _parameters(reading: Reading) -> str:
    table, importances = reading.table, reading.importances
    if not table.ranked:
        return ""
    whole = parallel.draw_parallel(table)
    drawn = (slices.draw_slices(table, [key]) for key in table.keys)
    panels = "".join(f'<div class="curve panel">{_plot(canvas, "by parameter")}</div>' for canvas in drawn if canvas)
    importance = plots.draw_importance(importances)
    return section(
        "What mattered",
        paragraph(importance_text(importances)),
        _plot(importance, "importance of each parameter"),
        "".join(paragraph(f"{note[:1].upper()}{note[1:]}.") for note in importances.notes),
        _titled("One parameter at a time", f'<div class="curves">{panels}</div>' if panels else "", slices.SAYS),
        _titled("All of them at once", _plot(whole, "parallel coordinates", scrolls=True), parallel.SAYS),
    )


def _learned(table: SweepTable) -> str:
    drawn = plots.draw_curves(table) if table.objectives else None
    if drawn is None:
        return ""
    return section("How they learned", _plot(drawn, "learning curves", scrolls=True), _says(plots.CURVES_SAY))


def _compute(table: SweepTable) -> str:
    drawn = [(cost, plots.draw_compute(table, cost)) for cost in plots.COSTS] if table.ranked else []
    panels = [f'<div class="curve">{_plot(own, f"figure against {cost}")}</div>' for cost, own in drawn if own]
    if not panels:
        return ""
    header = ("none better for as few seconds", table.objectives[0].name, "images a run", "seconds a run")
    rows = [
        (f"#{t.number} {parameters_text(t)}", figure_text(t.mean()), f"{t.images:,.0f}", f"{t.seconds:,.1f}")
        for t in cheapest(table, "seconds")
    ]
    side_by_side = f'<div class="curves">{"".join(panels)}</div>'
    return section("Quality against compute", side_by_side, _says(plots.COMPUTE_SAY), plain_table(header, rows))


def _failures(table: SweepTable) -> str:
    """Reasons are long, so that no other table is like this one."""
    rows = "".join(
        f"<tr><td>{escape(failure.title)}</td><td>{escape(failure.why)}</td></tr>" for failure in failures_of(table)
    )
    head = "<thead><tr><th>which</th><th>why</th></tr></thead>"
    return section("Not done, and why", f'<table class="words">{head}<tbody>{rows}</tbody></table>' if rows else "")


def _plot(canvas: Canvas | None, description: str, *, scrolls: bool = False) -> str:
    if canvas is None:
        return ""
    drawn = inline_svg(canvas, description)
    return f'<div class="scroll drawing">{drawn}</div>' if scrolls else drawn


def _titled(title: str, content_html: str, says: str) -> str:
    return f"<h3>{escape(title)}</h3>\n{content_html}\n{_says(says)}" if content_html else ""


def _says(text: str) -> str:
    return f'<p class="soft"><small>{escape(text)}</small></p>'


def _typed(*commands: Sequence[str]) -> str:
    lines = "\n".join(line for words in commands for line in command_lines(words, WIDE))
    return f'<pre class="typed">{escape(lines)}</pre>'
