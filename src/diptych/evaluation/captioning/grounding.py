"""Grounding: which facts of the scene captions state, what they make up, and where the captioner looked."""

from collections.abc import Sequence

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.captioning.facts import NOTE as FACTS_NOTE
from diptych.evaluation.captioning.facts import Facts
from diptych.evaluation.captioning.pointing import KEY, NO_ATTENTION, Pointing, points_of
from diptych.evaluation.captioning.pointing import NOTE as POINTING_NOTE
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.runs.capabilities import CaptionsImages
from diptych.systems.captioning.captions import Caption
from diptych.world import Grammar
from diptych.world.said import Said
from diptych.world.wording import wording_of

NOT_A_SENTENCE = "not a sentence"


class Grounding(Benchmark):
    """A captioner's facts, on scenes."""

    kind, title, layout = "grounding", "Grounding of captions", Layout.CAPTIONING
    lead = "What each caption says that is false of its image, in the order of its words."
    needs = "a captioner on scenes"
    options = ("beam", "captioning")

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, CaptionsImages) and context.held_out.world is not None

    def measure(self, context: Context) -> Evaluation:
        held_out, captions = context.held_out, context.captions
        grammars = [Grammar(name) for name in held_out.spec.languages]
        scenes, contents = held_out.true_scenes(), held_out.contents
        facts = Facts([wording_of(caption.text, grammars) for caption in captions], scenes, contents)
        return Evaluation.of(
            self,
            {**context.protocol, **context.request.caption_protocol},
            [*facts.figures(), *_pointing(captions, facts)],
            notes=(FACTS_NOTE, POINTING_NOTE),
            headline=("fact_f1", KEY),
            examples=_examples(captions, held_out, facts),
            clusters=contents,
        )


def _pointing(captions: Sequence[Caption], facts: Facts) -> list[Figure]:
    if any(caption.attention is None for caption in captions):
        return [Figure(KEY, None, note=NO_ATTENTION)]
    rows = zip(captions, facts.wordings, facts.said, facts.scenes, strict=True)
    points = [points_of(caption, wording, own, scene) if wording else [] for caption, wording, own, scene in rows]
    return Pointing(points, facts.contents).figures()


def _examples(captions: Sequence[Caption], held_out: HeldOut, facts: Facts) -> list[Example]:
    verdicts = [_verdicts(wording, said) for wording, said in zip(facts.wordings, facts.said, strict=True)]
    places = shown_places([not found or found[0][1] for found in verdicts])
    return [
        Example(i, picture, held_out.sentences[i], captions[i].text, tuple(verdicts[i]))
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]


def _verdicts(wording: object, said: Sequence[Said]) -> list[tuple[str, bool]]:
    """The kinds of what is false, or that all is true."""
    if wording is None:
        return [(NOT_A_SENTENCE, False)]
    false = [one.place.kind for one in said if not one.is_true]
    return [(kind, False) for kind in false] or [("all true", True)]
