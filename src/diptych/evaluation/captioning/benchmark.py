"""Captioning: a free-running caption of each held-out image, how many are true of it, and how they are worded."""

from collections import Counter
from collections.abc import Sequence
from math import exp
from statistics import fmean
from typing import Any

import numpy as np

from diptych.callbacks.grids import to_pil
from diptych.evaluation.batch_invariance import caption_invariance
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.captioning.caption_metrics import HEADLINE as WORDING_HEADLINE
from diptych.evaluation.captioning.caption_metrics import NOTE as WORDING_NOTE
from diptych.evaluation.captioning.caption_metrics import SCORE_LABELS, CaptionMetrics, in_front
from diptych.evaluation.captioning.captioned import TRUE, agreement, reason_of, truth_of
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Evaluation, Example, Figure, Layout
from diptych.evaluation.scene_accuracy import CAPTION_RATES, CAPTION_SHARES, Scores, rates, rotated
from diptych.evaluation.shares import share
from diptych.metrics.statistics import cluster_interval
from diptych.runs.capabilities import CaptionsImages, KnowsPerplexity
from diptych.systems.captioning.captions import Caption

WORST_BY, WORST = "cider_d", 10
"""So many captions with the lowest CIDEr-D of their own are kept for the report."""
NOTE = "Chance: each caption held against another image. Reference: the data's own sentences under the same rules."
UNJUDGED = (
    "Each caption is of the image beside it, with one of people's captions below. Nobody can say exactly which of them "
    "are true: the figures say how near their words are to people's."
)
NO_LIKELIHOOD = "rules give no sentence a probability"
BOUND = "; both are bounds, the true figures are at most so high"
GRAMMAR_NOTE = "N-gram scores mean little for short sentences from a grammar: a false one may share nearly every word."


class Captioning(Benchmark):
    """The main table of a captioner."""

    kind, title, layout = "captioning", "Captioning", Layout.CAPTIONING
    lead = (
        "Each caption is of the image beside it. The small tiles show where the captioner looked for each word: "
        "what is dark was not looked at."
    )
    needs = "a captioner"
    options = ("beam", "captioning")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, CaptionsImages)

    def measure(self, context: Context) -> Evaluation:
        captioner, held_out, captions = context.subject, context.held_out, context.captions
        assert isinstance(captioner, CaptionsImages)
        texts, contents = [caption.text for caption in captions], held_out.contents_of_pictures
        wording = CaptionMetrics(texts, held_out, contents)
        if held_out.world is None:
            truth, rest = _of_references(captions, held_out, wording)
        else:
            truth, rest = _of_scenes(captions, held_out)
        worded = [perplexity_figure(captioner, held_out), *wording.figures(context.request.seed)]
        if held_out.has_exact_truth:
            figures = [*truth, *worded]
        else:
            figures = [*in_front(WORDING_HEADLINE, worded), *truth]
            rest |= {"headline": WORDING_HEADLINE, "lead": UNJUDGED}
        figures.append(caption_invariance(captioner, captions, held_out, context.request.caption_options))
        protocol = {**context.protocol, **context.request.caption_protocol, "captions": wording.protocol}
        return Evaluation.of(self, protocol, figures, clusters=contents, **rest)


def _of_scenes(captions: Sequence[Caption], held_out: HeldOut) -> tuple[list[Figure], dict[str, Any]]:
    """The first lines where scenes are known, and what belongs to the table."""
    texts = [caption.text for caption in captions]
    scores = truth_of(texts, held_out)
    reasons = [reason_of(scores, i) for i in range(len(texts))]
    rest = {
        "reasons": dict(Counter(reason for reason in reasons if reason != TRUE)),
        "notes": (NOTE, WORDING_NOTE, GRAMMAR_NOTE),
        "examples": _examples(captions, held_out, reasons, scores.hits("exact_match")),
    }
    return _truth_table(scores, texts, held_out), rest


def _of_references(
    captions: Sequence[Caption], held_out: HeldOut, wording: CaptionMetrics
) -> tuple[list[Figure], dict[str, Any]]:
    """The same where there are references only; only where they are complete is any other caption wrong.

    Elsewhere the captions that are farthest from people's are shown besides.
    """
    texts = [caption.text for caption in captions]
    among = agreement(texts, held_out.references)
    if held_out.has_exact_truth:
        examples = _examples(captions, held_out, ["a reference" if good else "no reference" for good in among], among)
    else:
        examples = _examples(captions, held_out, None, among, wording.of_each(WORST_BY))
    return _reference_table(texts, held_out, among), {"notes": (WORDING_NOTE,), "examples": examples}


def perplexity_figure(captioner: CaptionsImages, held_out: HeldOut) -> Figure:
    """Per token of the first references; by chance what the next image's captions cost."""
    pictures = list(held_out.images)
    if not isinstance(captioner, KnowsPerplexity):
        return Figure("perplexity", None, note=NO_LIKELIHOOD, percent=False)
    own = exp(captioner.nats_per_token(pictures, held_out.sentences))
    others = exp(captioner.nats_per_token(pictures, rotated(held_out.sentences)))
    note = "of the references, lower is better; chance: of another image's"
    note += BOUND if getattr(captioner, "bounds_likelihood", False) else ""
    return Figure("perplexity", own, len(held_out), chance=others, note=note, percent=False)


def _truth_table(scores: Scores, texts: Sequence[str], held_out: HeldOut) -> list[Figure]:
    chance = truth_of(texts, held_out, rotated(held_out.true_scenes()))
    reference = truth_of(held_out.sentences, held_out)
    return [
        *rates(CAPTION_RATES, scores, chance, reference, held_out.contents),
        *(_mean(key, scores, chance, reference, held_out.contents) for key in CAPTION_SHARES),
    ]


def _mean(key: str, scores: Scores, chance: Scores, reference: Scores, contents: Sequence[str]) -> Figure:
    """A share averaged over captions."""
    values, others, own = (each.column(key) for each in (scores, chance, reference))
    interval = cluster_interval(values, contents, np.random.default_rng(RESAMPLING_SEED), CONTENTS)
    return Figure.of(key, fmean(values), len(values), interval, chance=fmean(others), reference=fmean(own))


def _reference_table(texts: Sequence[str], held_out: HeldOut, among: list[bool]) -> list[Figure]:
    chance = share(agreement(texts, rotated(held_out.references)))
    undefined = f"{held_out.name} has no scenes to check exactly"
    return [
        Figure.rate("reference_match", among, held_out.contents_of_pictures, chance=chance, reference=1.0),
        Figure("exact_match", None, note=undefined),
    ]


def _examples(
    captions: Sequence[Caption],
    held_out: HeldOut,
    reasons: Sequence[str] | None,
    good: list[bool],
    scores: Sequence[float] | None = None,
) -> list[Example]:
    """The first ones, and the first failures after them; without reasons nothing is called a failure.

    Those with the lowest scores, too, where captions have scores of their own.
    """
    first = shown_places(good if reasons else [True] * len(good))
    lowest = sorted(range(len(scores)), key=scores.__getitem__)[:WORST] if scores else []
    places = sorted({*first, *lowest})
    return [
        Example(
            i,
            picture,
            sentence=held_out.sentences[i],
            caption=captions[i].text,
            verdicts=((reasons[i], good[i]),) if reasons else (),
            words=captions[i].words if captions[i].attention is not None else (),
            attention=_as_lists(captions[i]),
            score=(SCORE_LABELS[WORST_BY], scores[i]) if scores else None,
        )
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]


def _as_lists(caption: Caption) -> tuple[list[list[float]], ...]:
    return () if caption.attention is None else tuple(caption.attention.tolist())
