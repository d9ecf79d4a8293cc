"""Evaluation of a captioner: a free-running caption of each held-out picture, and how many are true of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import exp
from statistics import fmean
from typing import Any

import numpy as np

from diptych.callbacks.grids import to_pil
from diptych.evaluation.captioning.caption_metrics import NOTE as WORDING_NOTE
from diptych.evaluation.captioning.caption_metrics import CaptionMetrics
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, RESAMPLING_SEED, Evaluation, Example, Figure
from diptych.evaluation.scene_accuracy import CAPTION_LABELS, CAPTION_SHARES, Scores, figures, rotated, share, told
from diptych.metrics.statistics import cluster_interval
from diptych.runs.load import ImageCaptioner
from diptych.systems.captioning.system import Caption
from diptych.types import Images, Scene, Track
from diptych.world import ASPECTS, meaning

TITLE, TRUE = "Captioning", "true"
NOTE = "Floor: each caption held against another picture. Ceiling: the data's own sentences under the same rules."
GRAMMAR_NOTE = "Of short sentences from a grammar n-gram scores mean little: a false one may share nearly every word."


def tell(captioner: ImageCaptioner, images: Images, *, beam: int, track: Track, description: str) -> list[Caption]:
    """A caption of each picture."""
    return list(track(captioner.captions(list(images), beam=beam), description=description, total=len(images)))


def evaluate_captioning(
    captioner: ImageCaptioner, captions: Sequence[Caption], held_out: HeldOut, protocol: Mapping[str, Any]
) -> Evaluation:
    """The captioner's table; `captions` are what it says of the very pictures."""
    texts = [caption.text for caption in captions]
    contents = held_out.contents_of_pictures
    wording = CaptionMetrics(texts, held_out, contents)
    protocol = {**protocol, "captions": wording.protocol}
    further = [perplexity_figure(captioner, held_out), *wording.figures(protocol["seed"])]
    if held_out.world is None:
        among = agreement(texts, held_out.references)
        table = [*_reference_table(texts, held_out, among), *further]
        examples = _examples(captions, held_out, ["a reference" if good else "no reference" for good in among], among)
        return Evaluation("captioner", TITLE, protocol, table, {}, (WORDING_NOTE,), examples, contents)
    scores = truth_of(texts, held_out)
    table = [*_truth_table(scores, texts, held_out), *further]
    reasons = [reason_of(scores, i) for i in range(len(texts))]
    wrong = dict(Counter(reason for reason in reasons if reason != TRUE))
    examples = _examples(captions, held_out, reasons, scores.hits("exact_match"))
    notes = (NOTE, WORDING_NOTE, GRAMMAR_NOTE)
    return Evaluation("captioner", TITLE, protocol, table, wrong, notes, examples, contents)


def truth_of(texts: Sequence[str], held_out: HeldOut, scenes: Sequence[Scene] | None = None) -> Scores:
    """What is true of captions about the held-out scenes, or about others."""
    claims = [meaning(text, held_out.spec.languages) for text in texts]
    return told(claims, held_out.true_scenes() if scenes is None else scenes)


def reason_of(scores: Scores, index: int) -> str:
    """`true`, or why a caption is not exactly so."""
    row = dict(zip(scores.names, scores.rows[index], strict=True))
    if row["exact_match"]:
        return TRUE
    if not row["well_formed"]:
        return "not a sentence"
    return next((aspect for aspect in ASPECTS if row[f"right_{aspect}"] < 1), "incomplete")


def perplexity_figure(captioner: ImageCaptioner, held_out: HeldOut) -> Figure:
    """Per token of the first references; its floor is what the next picture's captions cost."""
    pictures = list(held_out.images)
    own = exp(captioner.nats_per_token(pictures, held_out.sentences))
    others = exp(captioner.nats_per_token(pictures, rotated(held_out.sentences)))
    note = "of the references, lower is better; floor: of another picture's"
    return Figure("perplexity", own, len(held_out), floor=others, note=note, percent=False)


def _truth_table(scores: Scores, texts: Sequence[str], held_out: HeldOut) -> list[Figure]:
    floor = truth_of(texts, held_out, rotated(held_out.true_scenes()))
    ceiling = truth_of(held_out.sentences, held_out)
    return [
        *figures(CAPTION_LABELS, scores, floor, ceiling, held_out.contents),
        *(_mean(label, name, scores, floor, ceiling, held_out.contents) for label, name in CAPTION_SHARES.items()),
    ]


def _mean(label: str, name: str, scores: Scores, floor: Scores, ceiling: Scores, contents: Sequence[str]) -> Figure:
    """A share averaged over captions."""
    values, others, own = (each.column(name) for each in (scores, floor, ceiling))
    interval = cluster_interval(values, contents, np.random.default_rng(RESAMPLING_SEED), CONTENTS)
    return Figure.of(label, fmean(values), len(values), interval, floor=fmean(others), ceiling=fmean(own))


def _reference_table(texts: Sequence[str], held_out: HeldOut, among: list[bool]) -> list[Figure]:
    floor = share(agreement(texts, rotated(held_out.references)))
    undefined = f"{held_out.name} has no exact scenes, so nobody can say exactly"
    return [
        Figure.rate("a reference, word for word", among, held_out.contents_of_pictures, floor=floor, ceiling=1.0),
        Figure("exactly true", None, note=undefined),
    ]


def agreement(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each text is one of its references, up to case and spacing."""
    return [_plain(text) in map(_plain, wanted) for text, wanted in zip(texts, references, strict=True)]


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _examples(
    captions: Sequence[Caption], held_out: HeldOut, reasons: Sequence[str], good: list[bool]
) -> list[Example]:
    """The first ones, and the first failures after them."""
    places = shown_places(good)
    return [
        Example(
            i,
            picture,
            sentence=held_out.sentences[i],
            told=captions[i].text,
            verdicts=((reasons[i], good[i]),),
            words=captions[i].words if captions[i].attention is not None else (),
            attention=_as_lists(captions[i]),
        )
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]


def _as_lists(caption: Caption) -> tuple[list[list[float]], ...]:
    return () if caption.attention is None else tuple(caption.attention.tolist())
