"""The report of one run: what it was asked to do, how it went, what it can do, and every number it was given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from diptych.evaluation.caption_diversity.curves import diversity_curves
from diptych.evaluation.option_curves import OptionCurve
from diptych.evaluation.results import Evaluation
from diptych.reports.page.charts import Points, charts_grid, charts_of
from diptych.reports.page.curves import curve
from diptych.reports.page.galleries import sample_gallery
from diptych.reports.page.html import facts, fold, page, section
from diptych.reports.page.sections import evaluation_section
from diptych.reports.page.tables import headline, remark


@dataclass(frozen=True)
class RunStory:
    """What a run's report tells. `metrics` maps a logged name to (images seen, value) points."""

    run_id: str
    experiment: str
    status: str
    facts: Mapping[str, object]
    config: str
    overrides: str = ""
    metrics: Mapping[str, Points] = field(default_factory=dict)
    samples: Sequence[tuple[str, Image.Image]] = ()
    evaluations: Sequence[Evaluation] = ()
    option_curves: Sequence[OptionCurve] = ()


def run_page(story: RunStory) -> str:
    """The whole document."""
    return page(
        title=story.experiment,
        kicker=f"diptych · run {story.run_id} · {story.status}",
        lead=_lead(story),
        sections_html=(
            headline([(e.title, main, remark(e, main)) for e in story.evaluations for main in e.mains]),
            *(evaluation_section(evaluation) for evaluation in story.evaluations),
            section(
                "Sampling options",
                _options(story.option_curves),
                lead="One option differs along each line; all else was measured alike.",
            ),
            section(
                "Exactness against diversity",
                _diversity(story.evaluations),
                lead="Several captions of each image; each point of a line is a temperature, from the lowest on.",
            ),
            section(
                "Samples on the way",
                sample_gallery(story.samples),
                lead="Always of the same noise and sentences, or the same pictures.",
            ),
            section("Curves", charts_grid(charts_of(story.metrics))),
            section("The run", facts(story.facts), _config(story)),
        ),
        footer=f"Run {story.run_id}. Every number here is in the run's folder: metrics.csv and evaluations/.",
    )


def _options(curves: Sequence[OptionCurve]) -> str:
    """A chart for each option and benchmark."""
    drawn = "".join(
        curve(
            f"{one.figure} ({one.benchmark.lower()}) against {one.option}",
            {one.figure: [(value, figure.value or 0.0) for value, figure in one.points.items()]},
            x_label=one.option,
        )
        for one in curves
    )
    return f'<div class="curves">{drawn}</div>' if drawn else ""


def _diversity(evaluations: Sequence[Evaluation]) -> str:
    """A chart for each evaluation of sampled captions."""
    drawn = "".join(
        curve(
            f"{points[0].exactness.group} against {points[0].diversity.group}".replace("_", " "),
            {"temperatures": [(one.diversity.value or 0.0, one.exactness.value or 0.0) for one in points]},
            x_label=points[0].diversity.group.replace("_", " "),
        )
        for points in diversity_curves(evaluations)
    )
    return f'<div class="curves">{drawn}</div>' if drawn else ""


def _lead(story: RunStory) -> str:
    if story.evaluations:
        return "What this run learned, in pictures and numbers."
    return f"Not evaluated yet: `diptych evaluate {story.run_id}` adds pictures with verdicts and a table of figures."


def _config(story: RunStory) -> str:
    overrides = fold("What was typed", story.overrides) if story.overrides.strip() else ""
    return overrides + fold("The whole configuration", story.config)
