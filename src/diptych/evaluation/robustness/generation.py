"""Robustness of generation: sentences said otherwise, mistyped, mangled, and in a language that was never learned.

Where a disturbance keeps the meaning, scene accuracy is measured as before; where it does not, nobody can say what
would be true, and only how often the scene stays the same. The reference of a line is the undisturbed rate of the same
examples, and its finding says how far the two are apart.
"""

from collections.abc import Sequence

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.refusals import why_not_exact
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.robustness.paired_differences import (
    NOTE,
    SHOWN_OF_EACH,
    UNDISTURBED,
    Pair,
    Row,
    line_of,
    paired_row,
    placed,
    with_differences,
)
from diptych.evaluation.robustness.sentence_perturbations import Regenerated, regenerate, sentence_conditions
from diptych.evaluation.scene_accuracy import Judged, rotated
from diptych.evaluation.shares import share
from diptych.runs.capabilities import GeneratesImages
from diptych.world import Reading, canonical

CHANCE_NOTE = "Chance of same scenes: the image of the next sentence, undisturbed."
UNDEFINED = "the meaning is not kept, so that nobody can say what would be true"


class GenerationRobustness(Benchmark):
    """The generator's sentences disturbed, and generated again."""

    kind, title, layout = "generation_robustness", "Robustness of generation", Layout.GENERATION_CHOSEN
    lead = "Each image was generated from the disturbed sentence below it, and judged by what was asked before."
    needs = "a generator of sentences"
    options = ("robustness", "sampling")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, GeneratesImages) and context.request.robustness

    def refusal(self, context: Context) -> str:
        return why_not_exact(context)

    def measure(self, context: Context) -> Evaluation:
        generator, held_out, clean = context.subject, context.held_out, context.generated.judged
        assert isinstance(generator, GeneratesImages)
        assert clean is not None
        seed, contents = context.request.seed, held_out.contents
        conditions = sentence_conditions(generator, held_out, seed)
        anew = [regenerate(generator, clean, one, held_out, seed, context.track) for one in conditions]
        undisturbed = Figure.rate(hits=clean.truth, clusters=contents, **line_of(UNDISTURBED, "scene_accuracy"))
        return Evaluation.of(
            self,
            context.protocol,
            [undisturbed, *with_differences([_row(one, clean, contents) for one in anew])],
            notes=(NOTE, CHANCE_NOTE),
            examples=[example for i, one in enumerate(anew) for example in _examples(one, i)],
            clusters=contents,
        )


def _row(anew: Regenerated, clean: Judged, contents: Sequence[str]) -> Row:
    """Where the condition keeps the meaning its scene accuracy; else how often the scene stays the same."""
    before, after = [clean.readings[place] for place in anew.places], anew.judged.readings
    legible = f"legible {_percent(after)}, before {_percent(before)}"
    if anew.condition.keeps_meaning:
        pair = Pair(anew.places, [clean.truth[place] for place in anew.places], anew.judged.truth)
        return paired_row(line_of(anew.condition, "scene_accuracy"), pair, contents, legible)
    same = placed(_alike(before, after), anew.places, len(contents))
    chance = share(_alike(rotated(before), after))
    line = line_of(anew.condition, "same_scene")
    return Row(Figure.rate(hits=same, clusters=contents, chance=chance, finding=f"{legible}; {UNDEFINED}", **line))


def _alike(some: Sequence[Reading], others: Sequence[Reading]) -> list[bool]:
    """Whether both are legible and show the same scene but for where exactly things are."""
    return [
        one.is_legible and other.is_legible and canonical(one.scene) == canonical(other.scene)
        for one, other in zip(some, others, strict=True)
    ]


def _examples(anew: Regenerated, number: int) -> list[Example]:
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


def _percent(readings: Sequence[Reading]) -> str:
    return f"{100 * (share([reading.is_legible for reading in readings]) or 0.0):.1f} %"
