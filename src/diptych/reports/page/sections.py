"""The blocks that the run's and the demo's report are both composed of."""

import sys
from collections.abc import Callable, Sequence

from diptych.evaluation.results import Evaluation, Example, Layout
from diptych.reports.page.galleries import (
    caption_gallery,
    cycle_gallery,
    first_ones,
    further_failures,
    generation_gallery,
    plain_gallery,
    reconstruction_gallery,
    worst_ones,
)
from diptych.reports.page.html import section
from diptych.reports.page.tables import alert_paragraph, evaluation_block

EVERY = sys.maxsize
WORST = 10
"""Examples with the lowest scores of their own, where examples have such."""
GALLERIES: dict[str, tuple[Callable[[Sequence[Example]], str], int, int]] = {
    Layout.GENERATION: (generation_gallery, 18, 6),
    Layout.GENERATION_CHOSEN: (generation_gallery, EVERY, 0),
    Layout.CAPTIONING: (caption_gallery, 9, 3),
    Layout.CAPTIONING_CHOSEN: (caption_gallery, EVERY, 0),
    Layout.PAIRS: (cycle_gallery, 9, 3),
    Layout.LABELS: (caption_gallery, 9, 3),
    Layout.RECONSTRUCTION: (reconstruction_gallery, 12, 6),
    Layout.SKILLS: (generation_gallery, 18, 6),
}
"""How examples of each layout are shown, how many of the first ones, and how many further failures."""

PLAIN = (plain_gallery, 18, 6)
"""For every other layout."""


def evaluation_section(evaluation: Evaluation) -> str:
    """Images as they came, then failures, then the numbers."""
    gallery, first, failures = GALLERIES.get(evaluation.layout, PLAIN)
    return section(
        evaluation.title,
        alert_paragraph(evaluation),
        gallery(first_ones(evaluation.examples, first)),
        _titled("Further on, what went wrong first", gallery(further_failures(evaluation.examples, first, failures))),
        _titled("The worst of all", gallery(worst_ones(evaluation.examples, WORST))),
        _titled("In numbers", evaluation_block(evaluation)),
        lead=evaluation.lead,
    )


def _titled(title: str, content_html: str) -> str:
    return f"<h3>{title}</h3>\n{content_html}" if content_html else ""
