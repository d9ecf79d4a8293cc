"""The demo's report: a generator and a captioner trained from nothing, what they do, and how much of it is true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from diptych.evaluation.results import Evaluation, Figure
from diptych.reports.demo.steps import Step
from diptych.reports.page.charts import charts_grid
from diptych.reports.page.curves import Series
from diptych.reports.page.html import facts, page, plain_table, section
from diptych.reports.page.sections import evaluation_section
from diptych.reports.page.tables import NOTHING, headline, number, remark, sureness


@dataclass(frozen=True)
class DemoData:
    """What the demo's report tells. `charts` maps a title to named lines of (images seen, value)."""

    budget: str
    evaluations: Sequence[Evaluation]
    steps: Sequence[Step]
    charts: Mapping[str, Series]
    hardware: Mapping[str, object]
    world: str


def demo_page(story: DemoData) -> str:
    """The whole document."""
    minutes = sum(step.seconds for step in story.steps) / 60
    return page(
        title="Generate and caption",
        kicker="diptych · demo" + (" · smoke budget: the numbers mean nothing" if story.budget == "smoke" else ""),
        lead=(
            f"A generator of images and a captioner, trained from nothing in "
            f"{minutes:.1f} minutes on this machine. {story.world}"
        ),
        sections_html=(
            headline(_headline(story)),
            *(evaluation_section(evaluation) for evaluation in story.evaluations),
            section("How they learned", charts_grid(story.charts)),
            section("Time and machine", _steps_table(story.steps), _links(story.steps), facts(story.hardware)),
        ),
        footer="Made by `diptych demo`. Pictures stand in the order of the evaluation; none was chosen.",
    )


def summary_rows(story: DemoData) -> list[tuple[str, str, str]]:
    """The table that the command ends with: what, value, how sure."""
    figures = [*(e.main for e in story.evaluations if e.main), *_judge(story)]
    return [(f.name, number(f.value, percent=f.percent), sureness(f)) for f in figures]


def _headline(story: DemoData) -> list[tuple[str, Figure, str]]:
    """Big numbers: the main figure of each evaluation, and the judge's own accuracy."""
    first = [(e.title, e.main, remark(e, e.main)) for e in story.evaluations if e.main]
    judge = _judge(story)
    remarks = " · ".join(["on true renders", *(f"{f.name}: {number(f.value)}" for f in judge[1:])])
    return [*first, *(("The judge itself", figure, remarks) for figure in judge[:1])]


def _judge(story: DemoData) -> list[Figure]:
    figures = [figure for evaluation in story.evaluations for figure in evaluation.figures]
    return [figure for figure in figures if figure.key.startswith("judge_accuracy")]


def _steps_table(steps: Sequence[Step]) -> str:
    rows = [
        (
            step.name,
            f"{step.seconds:.0f} s",
            f"{step.images:,}" if step.images else NOTHING,
            f"{step.images / step.seconds:,.0f}" if step.images else NOTHING,
        )
        for step in steps
    ]
    total = sum(step.seconds for step in steps)
    return plain_table(("step", "time", "images seen", "images a second"), [*rows, ("all", f"{total:.0f} s", "", "")])


def _links(steps: Sequence[Step]) -> str:
    linked = [step for step in steps if step.link]
    if not linked:
        return ""
    items = " · ".join(f'<a href="{escape(step.link)}/">{escape(step.name)}</a>' for step in linked)
    return f"<p>Run folders: {items}</p>"
