"""Robustness: the same examples once more, disturbed, each paired with itself undisturbed.

Where a disturbance keeps the meaning, truth is measured as before; where it does not, nobody can say what would be
true, and only how often the result stays the same. One line a condition; its `ceiling` is the undisturbed rate of the
same examples, and its note says how far the two are apart. Then the same examples in batches of another size.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from diptych.metrics.statistics import matched_cluster_difference, matched_difference, mcnemar, permute_clusters
from diptych.runs.held_out import HeldOut
from diptych.runs.load import Painter, Teller
from diptych.runs.painting import Painted
from diptych.runs.results import CONTENTS, EXAMPLES, RESAMPLING_SEED, Evaluation, Example, Figure
from diptych.runs.robust_painting import PaintedAnew, paint_anew, painted_in_batches, sentence_conditions
from diptych.runs.robust_telling import ToldAnew, picture_conditions, tell_anew, told_in_batches
from diptych.runs.truth import Judged, Scores, share
from diptych.systems.captioner import Caption
from diptych.types import Images, Track
from diptych.world import canonical

OTHER_BATCH = 7
MOST_IN_BATCHES = 256
SHOWN_OF_EACH = 3
NOTE = (
    "Ceiling: the same examples undisturbed. Differences are paired: Agresti and Min's 95 % interval and McNemar's "
    "exact p, or, where contents come again, both from whole contents (bootstrap, permutation)."
)
UNDEFINED = "the meaning is not kept, so that nobody can say what would be true"


class Pair(NamedTuple):
    """What became of the examples of one condition, before and after; `places` are theirs in the evaluation."""

    places: Sequence[int]
    before: Sequence[bool]
    after: Sequence[bool]


def painter_robustness(
    painter: Painter, painted: Painted, held_out: HeldOut, protocol: Mapping[str, Any], track: Track
) -> Evaluation:
    """The painter's table: sentences said otherwise, mistyped, mangled, and in a language that it never learned."""
    assert painted.judged is not None
    conditions = sentence_conditions(painter, held_out, protocol["seed"])
    anew = [paint_anew(painter, painted.judged, one, held_out, protocol["seed"], track) for one in conditions]
    figures = [_painted_figure(one, painted.judged, held_out.contents) for one in anew]
    clean = Figure.rate("undisturbed: true", painted.judged.truth, held_out.contents)
    return Evaluation(
        "painter_robustness",
        "Robustness of painting",
        protocol,
        [clean, *figures, _batches_painted(painter, held_out, protocol["seed"])],
        notes=(NOTE,),
        examples=[example for i, one in enumerate(anew) for example in _painted_examples(one, i)],
        clusters=held_out.contents,
    )


def teller_robustness(
    teller: Teller,
    captions: Sequence[Caption],
    scores: Scores,
    held_out: HeldOut,
    protocol: Mapping[str, Any],
    track: Track,
) -> Evaluation:
    """The teller's table: pictures with noise, blurred, stored as JPEG, and cropped where the truth survives."""
    conditions = picture_conditions(held_out, protocol["seed"])
    anew = [tell_anew(teller, one, held_out, protocol["beam"], track) for one in conditions]
    exact = scores.hits("exact")
    pairs = [Pair(one.places, [exact[i] for i in one.places], one.exact) for one in anew]
    figures = [
        paired_figure(f"{one.condition.name}: exactly true", pair, held_out.contents)
        for one, pair in zip(anew, pairs, strict=True)
    ]
    clean = Figure.rate("undisturbed: exactly true", exact, held_out.contents)
    return Evaluation(
        "teller_robustness",
        "Robustness of telling",
        protocol,
        [clean, *figures, _batches_told(teller, captions, held_out, protocol["beam"])],
        notes=(NOTE,),
        examples=[example for i, one in enumerate(anew) for example in _told_examples(one, held_out, i)],
        clusters=held_out.contents,
    )


def paired_figure(name: str, pair: Pair, contents: Sequence[str], note: str = "") -> Figure:
    """The rate after the disturbance, with what it was before as ceiling and their difference in the note."""
    hits: list[bool | None] = [None] * len(contents)
    for place, hit in zip(pair.places, pair.after, strict=True):
        hits[place] = hit
    if not pair.places:
        return Figure(name, None, note="none of the examples can be disturbed in this way")
    said = "; ".join(filter(None, (difference_words(pair, [contents[place] for place in pair.places]), note)))
    return Figure.rate(name, hits, contents, ceiling=share(pair.before), note=said)


def difference_words(pair: Pair, contents: Sequence[str]) -> str:
    """How far apart before and after are, how sure that is, and whether chance alone could do it.

    `contents` are those of the pair's examples; where one comes again, examples are not independent.
    """
    rng = np.random.default_rng(RESAMPLING_SEED)
    if len(set(contents)) == len(contents):
        interval, test = matched_difference(pair.before, pair.after, EXAMPLES), mcnemar(pair.before, pair.after)
    else:
        interval = matched_cluster_difference(pair.before, pair.after, contents, rng, CONTENTS)
        test = permute_clusters(pair.before, pair.after, contents, rng)
    low, high = (f"{100 * bound:+.1f}" for bound in interval.ends)
    return f"{100 * test.difference:+.1f} points ({low} to {high}), p = {test.p:.2g}"


def _painted_figure(anew: PaintedAnew, clean: Judged, contents: Sequence[str]) -> Figure:
    before = [clean.readings[place] for place in anew.places]
    readable = [[reading.is_legible for reading in side] for side in (before, anew.judged.readings)]
    legible = f"legible {_percent(readable[1])}, before {_percent(readable[0])}"
    if anew.condition.keeps_meaning:
        pair = Pair(anew.places, [clean.truth[place] for place in anew.places], anew.judged.truth)
        return paired_figure(f"{anew.condition.name}: true", pair, contents, legible)
    same = [
        was and still and canonical(one.scene) == canonical(other.scene)
        for one, other, was, still in zip(before, anew.judged.readings, *readable, strict=True)
    ]
    hits: list[bool | None] = [None] * len(contents)
    for place, hit in zip(anew.places, same, strict=True):
        hits[place] = hit
    name = f"{anew.condition.name}: same scene"
    return Figure.rate(name, hits, contents, note=f"{legible}; {UNDEFINED}")


def _batches_painted(painter: Painter, held_out: HeldOut, seed: int) -> Figure:
    same, furthest = painted_in_batches(painter, held_out, seed, OTHER_BATCH, MOST_IN_BATCHES)
    note = f"{same.count(False)} of {len(same)} verdicts changed, pixels in [-1, 1] by at most {furthest:.1e}"
    return Figure.rate(f"batches of {OTHER_BATCH}: same verdict", same, note=note)


def _batches_told(teller: Teller, captions: Sequence[Caption], held_out: HeldOut, beam: int) -> Figure:
    images: Images = held_out.images[:MOST_IN_BATCHES]
    same = told_in_batches(teller, captions[: len(images)], images, beam, OTHER_BATCH)
    note = f"{same.count(False)} of {len(same)} captions changed"
    return Figure.rate(f"batches of {OTHER_BATCH}: same caption", same, note=note)


def _painted_examples(anew: PaintedAnew, number: int) -> list[Example]:
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


def _told_examples(anew: ToldAnew, held_out: HeldOut, number: int) -> list[Example]:
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


def _percent(hits: Sequence[bool]) -> str:
    return f"{100 * (share(hits) or 0.0):.1f} %"
