"""Robustness of captioning: images with noise, blurred, stored as JPEG, and cropped where the scene survives.

The reference of a line is the undisturbed rate of the same examples, and its finding says how far the two are apart.
"""

from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.captioning.captioned import truth_of
from diptych.evaluation.context import Context
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.refusals import why_not_exact
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.robustness.image_corruptions import Recaptioned, picture_conditions, recaption
from diptych.evaluation.robustness.paired_differences import (
    NOTE,
    SHOWN_OF_EACH,
    UNDISTURBED,
    Pair,
    line_of,
    paired_row,
    with_differences,
)
from diptych.runs.capabilities import CaptionsImages


class CaptioningRobustness(Benchmark):
    """The captioner's images disturbed, and captioned again."""

    kind, title, layout = "captioning_robustness", "Robustness of captioning", Layout.CAPTIONING_CHOSEN
    lead = "Each caption is of the disturbed image beside it."
    needs = "a captioner"
    options = ("robustness", "beam", "captioning")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, CaptionsImages) and context.request.robustness

    def refusal(self, context: Context) -> str:
        return why_not_exact(context)

    def measure(self, context: Context) -> Evaluation:
        captioner, held_out, request = context.subject, context.held_out, context.request
        assert isinstance(captioner, CaptionsImages)
        contents = held_out.contents
        exact = truth_of([caption.text for caption in context.captions], held_out).hits("exact_match")
        conditions = picture_conditions(held_out, request.seed)
        anew = [recaption(captioner, one, held_out, request.caption_options, context.track) for one in conditions]
        pairs = [Pair(one.places, [exact[i] for i in one.places], one.exact) for one in anew]
        rows = [
            paired_row(line_of(one.condition, "exact_match"), pair, contents)
            for one, pair in zip(anew, pairs, strict=True)
        ]
        undisturbed = Figure.rate(hits=exact, clusters=contents, **line_of(UNDISTURBED, "exact_match"))
        return Evaluation.of(
            self,
            {**context.protocol, **request.caption_protocol},
            [undisturbed, *with_differences(rows)],
            notes=(NOTE,),
            examples=[example for i, one in enumerate(anew) for example in _examples(one, held_out, i)],
            clusters=contents,
        )


def _examples(anew: Recaptioned, held_out: HeldOut, number: int) -> list[Example]:
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
