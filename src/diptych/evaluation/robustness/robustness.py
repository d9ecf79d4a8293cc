"""Robustness: the same examples once more, disturbed, each paired with itself undisturbed.

Where a disturbance keeps the meaning, truth is measured as before; where it does not, nobody can say what would be
true, and only how often the result stays the same. One line a condition; its `ceiling` is the undisturbed rate of the
same examples, and its note says how far the two are apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from diptych.evaluation.generation.generated import GeneratedImages
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure
from diptych.evaluation.robustness.image_corruptions import Recaptioned, picture_conditions, recaption
from diptych.evaluation.robustness.paired_differences import NOTE, Pair, Row, paired_row, placed, with_differences
from diptych.evaluation.robustness.sentence_perturbations import Regenerated, regenerate, sentence_conditions
from diptych.evaluation.scene_accuracy import Judged, Scores, rotated, share
from diptych.runs.load import ImageCaptioner, ImageGenerator
from diptych.types import Track
from diptych.world import Reading, canonical

SHOWN_OF_EACH = 3
FLOOR_NOTE = "Floor of same scenes: the picture of the next sentence, undisturbed."
UNDEFINED = "the meaning is not kept, so that nobody can say what would be true"


def generation_robustness(
    generator: ImageGenerator, generated: GeneratedImages, held_out: HeldOut, protocol: Mapping[str, Any], track: Track
) -> Evaluation:
    """The generator's table: sentences said otherwise, mistyped, mangled, and in a language that it never learned."""
    assert generated.judged is not None
    conditions = sentence_conditions(generator, held_out, protocol["seed"])
    anew = [regenerate(generator, generated.judged, one, held_out, protocol["seed"], track) for one in conditions]
    figures = with_differences([_generated_row(one, generated.judged, held_out.contents) for one in anew])
    clean = Figure.rate("undisturbed: true", generated.judged.truth, held_out.contents)
    return Evaluation(
        "generation_robustness",
        "Robustness of generating",
        protocol,
        [clean, *figures],
        notes=(NOTE, FLOOR_NOTE),
        examples=[example for i, one in enumerate(anew) for example in _generated_examples(one, i)],
        clusters=held_out.contents,
    )


def captioning_robustness(
    captioner: ImageCaptioner,
    scores: Scores,
    held_out: HeldOut,
    protocol: Mapping[str, Any],
    track: Track,
) -> Evaluation:
    """The captioner's table: pictures with noise, blurred, stored as JPEG, and cropped where the truth survives."""
    conditions = picture_conditions(held_out, protocol["seed"])
    anew = [recaption(captioner, one, held_out, protocol["beam"], track) for one in conditions]
    exact = scores.hits("exact_match")
    pairs = [Pair(one.places, [exact[i] for i in one.places], one.exact) for one in anew]
    rows = [
        paired_row(f"{one.condition.name}: exactly true", pair, held_out.contents)
        for one, pair in zip(anew, pairs, strict=True)
    ]
    clean = Figure.rate("undisturbed: exactly true", exact, held_out.contents)
    return Evaluation(
        "captioning_robustness",
        "Robustness of telling",
        protocol,
        [clean, *with_differences(rows)],
        notes=(NOTE,),
        examples=[example for i, one in enumerate(anew) for example in _told_examples(one, held_out, i)],
        clusters=held_out.contents,
    )


def _generated_row(anew: Regenerated, clean: Judged, contents: Sequence[str]) -> Row:
    before, after = [clean.readings[place] for place in anew.places], anew.judged.readings
    legible = f"legible {_percent(after)}, before {_percent(before)}"
    if anew.condition.keeps_meaning:
        pair = Pair(anew.places, [clean.truth[place] for place in anew.places], anew.judged.truth)
        return paired_row(f"{anew.condition.name}: true", pair, contents, legible)
    same = placed(_alike(before, after), anew.places, len(contents))
    floor = share(_alike(rotated(before), after))
    name = f"{anew.condition.name}: same scene"
    return Row(Figure.rate(name, same, contents, floor=floor, note=f"{legible}; {UNDEFINED}"))


def _alike(some: Sequence[Reading], others: Sequence[Reading]) -> list[bool]:
    """Whether both are legible and show the same scene but for where exactly things are."""
    return [
        one.is_legible and other.is_legible and canonical(one.scene) == canonical(other.scene)
        for one, other in zip(some, others, strict=True)
    ]


def _generated_examples(anew: Regenerated, number: int) -> list[Example]:
    """The first ones of a condition; examples are numbered through all conditions."""
    shown = range(min(SHOWN_OF_EACH, len(anew.places)))
    return [
        Example(
            number * SHOWN_OF_EACH + i,
            anew.picture(i),
            anew.sentences[i],
            verdicts=((f"{anew.condition.name}: {anew.judged.reason(i)}", anew.judged.truth[i]),),
        )
        for i in shown
    ]


def _told_examples(anew: Recaptioned, held_out: HeldOut, number: int) -> list[Example]:
    shown = range(min(SHOWN_OF_EACH, len(anew.places)))
    return [
        Example(
            number * SHOWN_OF_EACH + i,
            anew.picture(i),
            held_out.sentences[anew.places[i]],
            anew.texts[i],
            verdicts=((anew.condition.name, anew.exact[i]),),
        )
        for i in shown
    ]


def _percent(readings: Sequence[Reading]) -> str:
    return f"{100 * (share([reading.is_legible for reading in readings]) or 0.0):.1f} %"
