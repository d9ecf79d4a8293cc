"""Cycle consistency: a captioner's captions of generated images, beside what the judge reads in the same images.

Agreement is consistency, not truth: a generator and a captioner that share a mistake agree. So agreement stands beside
scene accuracy, and the share of wrong images that are captioned as asked nevertheless is a line of its own.
"""

from collections.abc import Sequence
from typing import Any

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.captioning.captioned import agreement, truth_of
from diptych.evaluation.context import Context
from diptych.evaluation.cycle.wording import HEADLINE, LEAD, wording_figures
from diptych.evaluation.cycle.wording import NOTE as WORDING_NOTE
from diptych.evaluation.generation.generated import (
    MOST_CHECKS,
    GeneratedImages,
    brought_to,
    generate_each,
    shown_places,
)
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.refusals import why_no_sentences, why_not_apart
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.scene_accuracy import Judged, judged, rotated
from diptych.evaluation.shares import share
from diptych.runs.capabilities import CaptionsImages, GeneratesImages

CYCLE, CYCLE_NAME = "cycle_accuracy", "cycle accuracy (text → image → text)"
NOTE = (
    "Chance: each caption held against another one's sentence. Reference: the captions of true renders, "
    "which is all that a perfect generator could reach with this captioner."
)


class Cycle(Benchmark):
    """What a captioner says of a generator's images, and what the judge says of the same images."""

    kind, title, layout = "cycle", "Cycle consistency", Layout.PAIRS
    lead = (
        "An image is generated from each sentence and captioned. Agreement is consistency, not truth: two models that "
        "share a mistake agree. So the judge's verdict on the same images stands beside it."
    )
    needs = "a generator with a captioner (--with)"
    options = ("partners", "beam", "sampling", "captioning")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, GeneratesImages) and isinstance(context.partner, CaptionsImages)

    def refusal(self, context: Context) -> str:
        return why_no_sentences(context)

    def measure(self, context: Context) -> Evaluation:
        generated, held_out = context.generated, context.held_out
        texts = [caption.text for caption in context.captions_of_generated]
        real_texts = [caption.text for caption in context.captions]
        rest: dict[str, Any] = {"clusters": held_out.contents, "alert": why_not_apart(context)}
        if generated.judged is None:
            same = agreement(texts, held_out.references)
            figures = [
                _text_agreement(texts, real_texts, held_out),
                Figure("scene_accuracy", None, note=generated.unjudged),
            ]
        else:
            same = truth_of(texts, held_out).hits("exact_match")
            figures = [
                *_agreement_figures(same, texts, real_texts, generated.judged, held_out),
                _regenerated(context, real_texts, generated.judged),
            ]
            rest["notes"] = (NOTE,)
        if not held_out.has_exact_truth:
            figures = [*wording_figures(context, texts, real_texts), *figures]
            rest |= {"headline": HEADLINE, "notes": (WORDING_NOTE,), "lead": LEAD}
        rest["examples"] = _examples(generated, texts, same, held_out)
        return Evaluation.of(self, {**context.protocol, **context.request.caption_protocol}, figures, **rest)


def _agreement_figures(
    same: list[bool], texts: Sequence[str], real_texts: Sequence[str], images: Judged, held_out: HeldOut
) -> list[Figure]:
    scenes, truth, contents = held_out.true_scenes(), images.truth, held_out.contents
    chance = truth_of(texts, held_out, rotated(scenes)).hits("exact_match")
    reference = truth_of(real_texts, held_out).hits("exact_match")
    read = truth_of(texts, held_out, [reading.scene for reading in images.readings]).hits("exact_match")
    collusion = [None if true else agree for agree, true in zip(same, truth, strict=True)]
    ends = {"chance": share(chance), "reference": share(reference)}
    return [
        Figure.rate(CYCLE, same, contents, name=CYCLE_NAME, **ends),
        Figure.rate("scene_accuracy", truth, contents, note="of the same images, by the judge"),
        Figure.rate(
            "reading_match",
            read,
            contents,
            name="exact match of judge's reading",
            note="of the same images, whatever was asked",
        ),
        Figure.rate(
            "collusion_rate", collusion, contents, note="captioned as asked, of the images whose scene is not as asked"
        ),
    ]


def _text_agreement(texts: Sequence[str], real_texts: Sequence[str], held_out: HeldOut) -> Figure:
    return Figure.rate(
        CYCLE,
        agreement(texts, held_out.references),
        held_out.contents,
        name=CYCLE_NAME,
        chance=share(agreement(texts, rotated(held_out.references))),
        reference=share(agreement(real_texts, held_out.references)),
        note="word for word one of the image's references",
    )


def _regenerated(context: Context, real_texts: Sequence[str], images: Judged) -> Figure:
    """A real image is captioned, the caption generated, and that image held against the real one's sentence."""
    generator, held_out = context.subject, context.held_out
    assert isinstance(generator, GeneratesImages)
    num = min(len(real_texts), MOST_CHECKS)
    sentences = [generator.cut(text) for text in real_texts[:num]]
    regenerated = brought_to(generate_each(generator, sentences, context.request.seed), held_out.spec.image_size)
    claims = held_out.meanings()[:num]
    again = judged(images.judge, regenerated, claims, context.track, "judging regenerated images")
    return Figure.rate(
        "cycle_accuracy_image",
        again.truth,
        held_out.contents,
        name="cycle accuracy (image → text → image)",
        chance=share(again.shuffled().truth),
        note="a real image is captioned, its caption generated, and the judge finds the real image's scene in it",
    )


def _examples(generated: GeneratedImages, texts: Sequence[str], same: list[bool], held_out: HeldOut) -> list[Example]:
    good = [a and b for a, b in zip(same, generated.judged.truth, strict=True)] if generated.judged else same
    exact = held_out.has_exact_truth
    places = shown_places(good if exact else [True] * len(good))
    return [
        Example(i, picture, held_out.sentences[i], texts[i], _verdicts(generated, same[i], i) if exact else ())
        for i, picture in zip(places, to_pil(generated.images[places]), strict=True)
    ]


def _verdicts(generated: GeneratedImages, same: bool, index: int) -> tuple[tuple[str, bool], ...]:
    cycle_chip = ("captioned as asked" if same else "captioned otherwise", same)
    if generated.judged is None:
        return (cycle_chip,)
    reason = generated.judged.reason(index)
    return (cycle_chip, (f"judged {reason}" if reason == "true" else f"judged false: {reason}", reason == "true"))
