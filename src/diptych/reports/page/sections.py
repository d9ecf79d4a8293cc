"""The blocks that the run's and the demo's report are both composed of."""

import sys

from diptych.evaluation.results import Evaluation
from diptych.reports.page.galleries import (
    caption_gallery,
    cycle_gallery,
    first_ones,
    further_failures,
    generation_gallery,
)
from diptych.reports.page.html import section
from diptych.reports.page.tables import evaluation_block

EVERY = sys.maxsize
GALLERIES = {
    "generator": (generation_gallery, 18, 6),
    "captioner": (caption_gallery, 9, 3),
    "loop": (cycle_gallery, 9, 3),
    "classifier": (caption_gallery, 9, 3),
    "second_reader": (generation_gallery, EVERY, 0),
    "skills": (generation_gallery, 18, 6),
    "skills_full": (generation_gallery, 18, 6),
    "generation_robustness": (generation_gallery, 21, 0),
    "captioning_robustness": (caption_gallery, 21, 0),
}
"""How examples of each kind are shown, how many of the first ones, and how many further failures."""

SKILLS_LEAD = (
    "Each picture was generated from the prompt below it. The first verdict names the skill and is GenEval's: what is "
    "asked for must be there. The second is strict: nothing else may be there, and the picture must be clear."
)

LEADS = {
    "generator": (
        "Each picture was drawn from the sentence below it. The verdict is the judge's, which compares the picture "
        "with rendered hypotheses and knows nothing of the sentence."
    ),
    "captioner": (
        "Each caption is of the image beside it. The small tiles show where the captioner looked for each word: "
        "what is dark was not looked at."
    ),
    "classifier": "What was classified in each picture, beside what is in it.",
    "skills": SKILLS_LEAD,
    "skills_full": SKILLS_LEAD,
    "generation_robustness": (
        "Each picture was generated from the disturbed sentence below it, and judged by what was asked before."
    ),
    "captioning_robustness": "Each sentence was told of the disturbed picture beside it.",
    "second_reader": (
        "What judge and classifier find in the pictures generated from these sentences; the sign says whether that is "
        "what was asked, places aside. First where they differ: pictures that the judge accepts, then those that it "
        "refuses. Then some where they agree."
    ),
    "loop": (
        "An image is generated from each sentence and captioned. Agreement is consistency, not truth: two models that "
        "share a mistake agree. So the judge's verdict on the same pictures stands beside it."
    ),
}

UNJUDGED = "The pictures as they came. Nobody can say exactly which of them are true; see the notes in the table."


def evaluation_section(evaluation: Evaluation) -> str:
    """Pictures as they came, then failures, then the numbers."""
    gallery, first, failures = GALLERIES[evaluation.kind]
    return section(
        evaluation.title,
        gallery(first_ones(evaluation.examples, first)),
        _titled("Further on, what went wrong first", gallery(further_failures(evaluation.examples, first, failures))),
        _titled("In numbers", evaluation_block(evaluation)),
        lead=LEADS[evaluation.kind] if any(e.verdicts for e in evaluation.examples) else UNJUDGED,
    )


def _titled(title: str, content_html: str) -> str:
    return f"<h3>{title}</h3>\n{content_html}" if content_html else ""
