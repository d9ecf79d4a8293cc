"""The closed loop: what a captioner says of a generator's pictures, beside what the judge says of the same pictures.

Agreement is consistency, not truth: a generator and a captioner that share a mistake agree. So agreement stands beside
truth, and the share of false pictures that are told back as asked nevertheless is a line of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from diptych.callbacks.grids import to_pil
from diptych.evaluation.captioning.captioned import agreement, truth_of
from diptych.evaluation.generation.generated import (
    MOST_CHECKS,
    GeneratedImages,
    brought_to,
    generate_each,
    shown_places,
)
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure
from diptych.evaluation.scene_accuracy import Judged, judged, rotated, share
from diptych.runs.load import ImageGenerator
from diptych.systems.captioning.system import Caption
from diptych.types import Track

TITLE = "Cycle consistency"
NOTE = (
    "Floor: each caption held against another one's sentence. Ceiling: what the captioner says of true renders, "
    "which is all that a perfect generator could reach with it."
)


def evaluate_cycle(
    generator: ImageGenerator,
    generated: GeneratedImages,
    captions: Mapping[str, Sequence[Caption]],
    held_out: HeldOut,
    protocol: Mapping[str, Any],
    track: Track,
) -> Evaluation:
    """The loop's table. `captions["generated"]` tell the generated pictures, `captions["real"]` the held-out ones."""
    texts = [caption.text for caption in captions["generated"]]
    real_texts = [caption.text for caption in captions["real"]]
    if generated.judged is None:
        table = [_text_agreement(texts, real_texts, held_out)]
        table.append(Figure("judged true", None, note=generated.unjudged))
        same = agreement(texts, held_out.references)
        examples = _examples(generated, texts, same, held_out)
        return Evaluation("loop", TITLE, protocol, table, examples=examples, clusters=held_out.contents)
    same = truth_of(texts, held_out).hits("exact_match")
    table = [
        *_agreement_figures(same, texts, real_texts, generated.judged, held_out),
        _regenerated(generator, real_texts, held_out, protocol["seed"], generated.judged, track),
    ]
    examples = _examples(generated, texts, same, held_out)
    return Evaluation("loop", TITLE, protocol, table, {}, (NOTE,), examples, held_out.contents)


def _agreement_figures(
    same: list[bool], texts: Sequence[str], real_texts: Sequence[str], pictures: Judged, held_out: HeldOut
) -> list[Figure]:
    scenes, truth, contents = held_out.true_scenes(), pictures.truth, held_out.contents
    floor = truth_of(texts, held_out, rotated(scenes)).hits("exact_match")
    ceiling = truth_of(real_texts, held_out).hits("exact_match")
    read = truth_of(texts, held_out, [reading.scene for reading in pictures.readings]).hits("exact_match")
    collusion = [None if true else agree for agree, true in zip(same, truth, strict=True)]
    return [
        Figure.rate("told back as asked", same, contents, floor=share(floor), ceiling=share(ceiling)),
        Figure.rate("judged true", truth, contents, note="the same pictures, by the judge"),
        Figure.rate("told as the judge reads it", read, contents, note="of the same pictures, whatever was asked"),
        Figure.rate(
            "told as asked though judged false", collusion, contents, note="collusion: of the pictures judged false"
        ),
    ]


def _text_agreement(texts: Sequence[str], real_texts: Sequence[str], held_out: HeldOut) -> Figure:
    return Figure.rate(
        "told back as asked",
        agreement(texts, held_out.references),
        held_out.contents,
        floor=share(agreement(texts, rotated(held_out.references))),
        ceiling=share(agreement(real_texts, held_out.references)),
        note="word for word one of the picture's references",
    )


def _regenerated(
    generator: ImageGenerator, real_texts: Sequence[str], held_out: HeldOut, seed: int, pictures: Judged, track: Track
) -> Figure:
    """A true render is told, the caption generated, and the generated image held against the render's own sentence."""
    num = min(len(real_texts), MOST_CHECKS)
    sentences = [generator.cut(text) for text in real_texts[:num]]
    images = brought_to(generate_each(generator, sentences, seed), held_out.spec.image_size)
    claims = held_out.meanings()[:num]
    again = judged(pictures.judge, images, claims, track, "judging image_invariance")
    note = "a true render is told, the caption is generated, the judge holds the generated image against the render"
    floor = share(again.shuffled().truth)
    return Figure.rate("picture, told, generated: true", again.truth, held_out.contents, floor=floor, note=note)


def _examples(generated: GeneratedImages, texts: Sequence[str], same: list[bool], held_out: HeldOut) -> list[Example]:
    good = [a and b for a, b in zip(same, generated.judged.truth, strict=True)] if generated.judged else same
    places = shown_places(good)
    return [
        Example(i, picture, held_out.sentences[i], texts[i], _verdicts(generated, same[i], i))
        for i, picture in zip(places, to_pil(generated.images[places]), strict=True)
    ]


def _verdicts(generated: GeneratedImages, same: bool, index: int) -> tuple[tuple[str, bool], ...]:
    cycle_chip = ("told back as asked" if same else "told otherwise", same)
    if generated.judged is None:
        return (cycle_chip,)
    reason = generated.judged.reason(index)
    return (cycle_chip, (f"judged {reason}" if reason == "true" else f"judged false: {reason}", reason == "true"))
