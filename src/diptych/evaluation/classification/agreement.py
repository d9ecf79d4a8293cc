"""A second reader of generated pictures: a classifier that was trained on its own, beside the judge.

The judge has no weights and the classifier no rules, so that what both read alike is unlikely to be a quirk of either;
and where they differ, anyone can look. Neither is the truth: a generator's pictures have no other label.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.callbacks.grids import to_pil
from diptych.evaluation.classification.classified import GROUPS, value_of
from diptych.evaluation.classification.paired_readings import Labels, PairedReadings, groups_of, paired_readings
from diptych.evaluation.generation.generated import GeneratedImages, certificates, true_renders
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure
from diptych.evaluation.scene_accuracy import share
from diptych.runs.load import ImageClassifier
from diptych.types import Track

KIND, TITLE = "second_reader", "Judge and classifier"
NOTES = (
    "Both readings are compared as labels: which kinds of objects there are and how many objects, not where. So the "
    "verdicts leave places out: a picture that shows what was asked in wrong places counts as showing it.",
    "The judge accepts what is legible and unambiguous and calls nothing else what was asked; the classifier always "
    "answers. Floor: what the classifier finds in the next picture. Ceiling: both on true renders of the sentences.",
)
KAPPA = "Cohen's kappa of the verdicts"
NO_LABELS = "this classifier has no labels for it"
SHOWN_OF_ACCEPTED, SHOWN_OF_REFUSED, SHOWN_ALIKE = 12, 12, 6

Hits = list[bool | None]


def evaluate_agreement(
    classifier: ImageClassifier,
    generated: GeneratedImages,
    held_out: HeldOut,
    protocol: Mapping[str, Any],
    track: Track,
) -> Evaluation:
    """The table of how often both read the same, and come to the same verdict, on a generator's pictures."""
    pictures, scenes = generated.judged, held_out.true_scenes()
    assert pictures is not None
    real = true_renders(held_out, pictures.judge, track)
    num = len(real.readings)
    read = paired_readings(classifier, generated.images, pictures, scenes, track, "classifying generated images")
    ceiling = paired_readings(classifier, held_out.images[:num], real, scenes[:num], track, "classifying true renders")
    table = figures(read, ceiling, groups_of(classifier), held_out.contents)
    examples = _examples(generated, read)
    return Evaluation(KIND, TITLE, protocol, table, {}, NOTES, examples, held_out.contents)


def figures(
    read: PairedReadings, ceiling: PairedReadings, groups: Sequence[str], contents: Sequence[str]
) -> list[Figure]:
    """Every line; `groups` are the attributes that the classifier has labels for."""
    lowest, highest = hits_of(read.shuffled(), groups), hits_of(ceiling, groups)
    rates = [
        Figure.rate(name, hits, contents, floor=_share(lowest[name]), ceiling=_share(highest[name]))
        for name, hits in hits_of(read, groups).items()
    ]
    missing = [Figure(_alike(group), None, note=NO_LABELS) for group in GROUPS if group not in groups]
    return [*rates, _kappa_figure(read), *missing]


def hits_of(read: PairedReadings, groups: Sequence[str]) -> dict[str, Hits]:
    """What is counted, picture by picture; None where a picture does not count."""
    refused, judged_false, unclassified = (
        [not hit for hit in hits] for hits in (read.accepted, read.judged_true, read.classified)
    )
    return {
        "read alike": [*read.alike],
        "read alike, judge accepts": _only(read.alike, read.accepted),
        "read alike, judge refuses": _only(read.alike, refused),
        **{_alike(group): [*read.alike_in(group)] for group in groups},
        "same verdict": [*read.same_verdict],
        "classified though judged false": _only(read.classified, judged_false),
        "judged true though not classified": _only(read.judged_true, unclassified),
    }


def _kappa_figure(read: PairedReadings) -> Figure:
    """How far the verdicts agree beyond what their frequencies alone would make agree (Cohen 1960)."""
    kappa, floor = _kappa(read), _kappa(read.shuffled())
    note = f"shows what was asked, {_cells(read)}"
    if kappa is None:
        return Figure(KAPPA, None, note=f"undefined where both always say the same; {note}", percent=False)
    return Figure(KAPPA, kappa, len(read.asked), floor=floor, note=note, percent=False)


def _kappa(read: PairedReadings) -> float | None:
    from sklearn.metrics import cohen_kappa_score  # a second of import time, needed here only

    if len({*read.judged_true, *read.classified}) == 1:
        return None
    return float(cohen_kappa_score(read.judged_true, read.classified))


def _cells(read: PairedReadings) -> str:
    """The four counts behind the verdicts."""
    counts = Counter(zip(read.judged_true, read.classified, strict=True))
    return (
        f"by both {counts[True, True]:,}, by the judge alone {counts[True, False]:,}, "
        f"by the classifier alone {counts[False, True]:,}, by neither {counts[False, False]:,}"
    )


def _alike(group: str) -> str:
    return f"{group} read alike"


def _only(hits: Sequence[bool], among: Sequence[bool]) -> Hits:
    """The hits among those that count."""
    return [hit if counts else None for hit, counts in zip(hits, among, strict=True)]


def _share(hits: Hits) -> float | None:
    return share([hit for hit in hits if hit is not None])


def _examples(generated: GeneratedImages, read: PairedReadings) -> list[Example]:
    """Where they differ in reading or verdict, first what the judge accepts, then what it refuses; then agreements."""
    places = shown_places(read)
    pictures = zip(places, to_pil(generated.images[places]), certificates(generated, places), strict=True)
    return [
        Example(i, picture, generated.sentences[i], verdicts=_verdicts(generated, read, i), second_picture=as_read)
        for i, picture, as_read in pictures
    ]


def shown_places(read: PairedReadings) -> list[int]:
    """Which pictures a report shows, in its order; within each kind the first ones."""
    agreed = [alike and same for alike, same in zip(read.alike, read.same_verdict, strict=True)]
    kinds = list(zip(agreed, read.accepted, strict=True))
    accepted = [i for i, kind in enumerate(kinds) if kind == (False, True)]
    refused = [i for i, kind in enumerate(kinds) if kind == (False, False)]
    alike = [i for i, both in enumerate(agreed) if both]
    return accepted[:SHOWN_OF_ACCEPTED] + refused[:SHOWN_OF_REFUSED] + alike[:SHOWN_ALIKE]


def _verdicts(generated: GeneratedImages, read: PairedReadings, index: int) -> tuple[tuple[str, bool], ...]:
    """What each of them says, and whether that is what was asked."""
    assert generated.judged is not None
    refusal = "" if read.accepted[index] else f" (refused: {generated.judged.reason(index)})"
    return (
        (f"judge: {_said(read.judge[index])}{refusal}", read.judged_true[index]),
        (f"classifier: {_said(read.classifier[index])}", read.classified[index]),
    )


def _said(labels: Labels) -> str:
    return ", ".join(sorted(labels, key=_kinds_first)) or "nothing"


def _kinds_first(label: str) -> tuple[bool, str]:
    return value_of(label, "count") is not None, label
