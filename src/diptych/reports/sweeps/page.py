"""A sweep as one self-contained page: the best trial, every trial, importance, and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from diptych.reports.page.html import facts, fold, page, paragraph, plain_table, section
from diptych.reports.page.theme import STYLE, inline_svg
from diptych.reports.sweeps import learning_curves, parallel, plots, slices
from diptych.reports.sweeps.best_trial import BestTrial, command_lines
from diptych.reports.sweeps.files import SweepAnalysis
from diptych.reports.sweeps.page_table import trials_table
from diptych.reports.sweeps.parameters import value_text
from diptych.reports.sweeps.pareto import cheapest, pareto_front
from diptych.reports.sweeps.trials import SweepTable
from diptych.reports.sweeps.wording import (
    CHOICE,
    best_trial_text,
    confirmation_text,
    counts_text,
    failures_of,
    figure_text,
    importance_text,
    interval_text,
    objectives_text,
    parameters_text,
    rivals_text,
)
from diptych.sweeps.status import duration

WIDE = 88


@dataclass(frozen=True)
class SweepReport:
    """The content of a sweep's page: its analysis, its commands, its code version, and links to its runs."""

    analysis: SweepAnalysis
    commands: Sequence[str] = ()
    code: Mapping[str, object] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


def sweep_page(report: SweepReport) -> str:
    """The whole document."""
    table, best_trial = report.analysis.table, report.analysis.best_trial
    ranking = objectives_text(table)
    with mpl.rc_context(STYLE):
        return page(
            title=table.name,
            kicker=f"diptych · sweep · {', '.join(f'{number} {state}' for state, number in table.counts.items())}",
            lead=f"{counts_text(table)}. {f'Ranked by {ranking}.' if ranking else ''}",
            sections_html=(
                _headline(table, best_trial),
                _best_trial_section(table, best_trial),
                section("Every configuration", trials_table(table, report.links), _notes(table), lead=_lead(table)),
                _objectives(table),
                _parameters(report.analysis),
                _learning_curves(table),
                _compute(table),
                _failures(table),
                section("The sweep", facts(report.code), fold("Commands", "\n\n".join(report.commands))),
            ),
            footer=f"Made by `diptych report {table.name}`. {CHOICE}",
        )


def _headline(table: SweepTable, best_trial: BestTrial | None) -> str:
    """Headline numbers: the best figure, the number of configurations, and the cost."""
    runs = table.runs
    images, seconds = sum(run.images for run in runs), sum(run.seconds for run in runs)
    cards = [
        *([_best_trial_card(table, best_trial)] if best_trial else []),
        (str(len(table.trials)), "configurations", f"{len(table.ranked)} with a figure"),
        (duration(seconds), "of running time", f"{len(runs)} runs · {images:,} images"),
    ]
    boxes = (
        f'<div><span class="value">{escape(value)}</span><span class="label">{escape(label)}</span>'
        f'<span class="detail">{escape(detail)}</span></div>'
        for value, label, detail in cards
    )
    return f'<div class="headline">{"".join(boxes)}</div>'


def _best_trial_card(table: SweepTable, best_trial: BestTrial) -> tuple[str, str, str]:
    trial = best_trial.trial
    interval = [f"95 % interval {interval_text(trial)}"] if trial.interval() else []
    detail = " · ".join([table.objectives[0].name, *interval, f"n = {len(trial.counted)}"])
    return figure_text(trial.mean()), f"#{trial.number}, {best_trial.title}", detail


def _best_trial_section(table: SweepTable, best_trial: BestTrial | None) -> str:
    if best_trial is None:
        return ""
    values = {key: value_text(value) for key, value in best_trial.trial.parameters.items()}
    return section(
        f"#{best_trial.trial.number}, {best_trial.title}",
        facts(values) if values else "",
        paragraph(f"{best_trial_text(table, best_trial)}. {rivals_text(best_trial)} {confirmation_text(best_trial)}"),
        f"<h3>Reproduce its best run, {escape(best_trial.run.run_id)}</h3>",
        _shell(best_trial.reproduce),
        _confirmation(best_trial),
    )


def _confirmation(best_trial: BestTrial) -> str:
    """The commands that confirm the best trial."""
    if best_trial.is_confirmed:
        return ""
    title = "<h3>Confirm it with fresh seeds on the test split</h3>"
    whole = _shell(best_trial.retrain, best_trial.evaluate)
    return f"{title}{_shell(best_trial.confirm)}{paragraph('which is short for')}{whole}"


def _lead(table: SweepTable) -> str:
    text = "The best first. A figure is the mean of a configuration's runs, each at its best validation."
    return f"{text} Test results are {table.test_metric}; they do not rank trials." if table.test_metric else text


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


def _parameters(analysis: SweepAnalysis) -> str:
    table, importances = analysis.table, analysis.importances
    if not table.ranked:
        return ""
    whole = parallel.draw_parallel(table)
    drawn = (slices.draw_slices(table, [key]) for key in table.keys)
    panels = "".join(f'<div class="curve panel">{_plot(canvas, "by parameter")}</div>' for canvas in drawn if canvas)
    importance = plots.draw_importance(importances)
    return section(
        "Parameter importance",
        paragraph(importance_text(importances)),
        _plot(importance, "importance of each parameter"),
        "".join(paragraph(f"{note[:1].upper()}{note[1:]}.") for note in importances.notes),
        _titled("One parameter at a time", f'<div class="curves">{panels}</div>' if panels else "", slices.LEGEND),
        _titled("All of them at once", _plot(whole, "parallel coordinates", scrolls=True), parallel.LEGEND),
    )


def _learning_curves(table: SweepTable) -> str:
    drawn = learning_curves.draw_curves(table) if table.objectives else None
    if drawn is None:
        return ""
    return section("Learning curves", _plot(drawn, "learning curves", scrolls=True), _legend(learning_curves.LEGEND))


def _compute(table: SweepTable) -> str:
    drawn = [(cost, plots.draw_compute(table, cost)) for cost in plots.COSTS] if table.ranked else []
    panels = [f'<div class="curve">{_plot(own, f"figure against {cost}")}</div>' for cost, own in drawn if own]
    if not panels:
        return ""
    header = ("best at its cost in seconds", table.objectives[0].name, "images a run", "seconds a run")
    rows = [
        (f"#{t.number} {parameters_text(t)}", figure_text(t.mean()), f"{t.images:,.0f}", f"{t.seconds:,.1f}")
        for t in cheapest(table, "seconds")
    ]
    side_by_side = f'<div class="curves">{"".join(panels)}</div>'
    return section("Quality against compute", side_by_side, _legend(plots.COMPUTE_LEGEND), plain_table(header, rows))


def _failures(table: SweepTable) -> str:
    """A table of its own kind, because reasons are long."""
    rows = "".join(
        f"<tr><td>{escape(failure.title)}</td><td>{escape(failure.why)}</td></tr>" for failure in failures_of(table)
    )
    head = "<thead><tr><th>runs</th><th>reason</th></tr></thead>"
    return section("Failures", f'<table class="words">{head}<tbody>{rows}</tbody></table>' if rows else "")


def _plot(canvas: Canvas | None, description: str, *, scrolls: bool = False) -> str:
    if canvas is None:
        return ""
    drawn = inline_svg(canvas, description)
    return f'<div class="scroll drawing">{drawn}</div>' if scrolls else drawn


def _titled(title: str, content_html: str, legend: str) -> str:
    return f"<h3>{escape(title)}</h3>\n{content_html}\n{_legend(legend)}" if content_html else ""


def _legend(text: str) -> str:
    return f'<p class="soft"><small>{escape(text)}</small></p>'


def _shell(*commands: Sequence[str]) -> str:
    lines = "\n".join(line for words in commands for line in command_lines(words, WIDE))
    return f'<pre class="typed">{escape(lines)}</pre>'
