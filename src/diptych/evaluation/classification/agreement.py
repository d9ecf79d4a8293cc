"""Agreement: a classifier that was trained on its own reads generated images beside the judge.

The judge has no weights and the classifier no rules, so that what both read alike is unlikely to be a quirk of either;
and where they differ, anyone can look. Neither is the truth: a generator's pictures have no other label.
"""

from collections import Counter
from collections.abc import Sequence

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.classification.labels import GROUPS, value_of
from diptych.evaluation.classification.paired_readings import (
    Labels,
    PairedReadings,
    groups_of,
    paired_readings,
    why_incomparable,
)
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import GeneratedImages, certificates, true_renders
from diptych.evaluation.refusals import why_no_sentences
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.shares import share
from diptych.runs.capabilities import ClassifiesImages, GeneratesImages

NOTES = (
    "Both readings are compared as labels: which kinds of objects there are and how many objects, not where. So the "
    "verdicts leave places out: a picture that shows what was asked in wrong places counts as showing it.",
    "The judge accepts what is legible and unambiguous and calls nothing else what was asked; the classifier always "
    "answers. Chance: what the classifier finds in the next image. Reference: both on true renders of the sentences.",
)
KAPPA, KAPPA_NAME = "cohen_kappa", "Cohen's kappa of the verdicts"
NO_LABELS = "this classifier has no labels for it"
NAMES = {
    "read_alike_accepted": "read alike, judge accepts",
    "read_alike_refused": "read alike, judge refuses",
    **{f"read_alike_{group}": f"{group} read alike" for group in GROUPS},
}
SHOWN_OF_ACCEPTED, SHOWN_OF_REFUSED, SHOWN_ALIKE = 12, 12, 6

Hits = list[bool | None]


class Agreement(Benchmark):
    """How often judge and classifier read the same, and come to the same verdict, on a generator's images."""

    kind, title, layout = "agreement", "Agreement of judge and classifier", Layout.GENERATION_CHOSEN
    lead = (
        "What judge and classifier find in the images generated from these sentences; the sign says whether that is "
        "what was asked, places aside. First where they differ: images that the judge accepts, then those that it "
        "refuses. Then some where they agree."
    )
    needs = "a generator with a classifier (--with)"
    options = ("partners", "sampling")

    def applies(self, context: Context) -> bool:
        if not isinstance(context.subject, GeneratesImages) or not isinstance(context.partner, ClassifiesImages):
            return False
        return context.held_out.world is not None or context.held_out.labels is None

    def refusal(self, context: Context) -> str:
        """Without sentences there is nothing to find again, and labels must cover what is shown."""
        assert context.partner is not None
        return why_no_sentences(context) or why_incomparable(context.partner, context.held_out)

    def measure(self, context: Context) -> Evaluation:
        classifier, generated, held_out = context.partner, context.generated, context.held_out
        assert isinstance(classifier, ClassifiesImages)
        images, scenes, track = generated.judged, held_out.true_scenes(), context.track
        assert images is not None
        real = true_renders(held_out, images.judge, track)
        num = len(real.readings)
        read = paired_readings(classifier, generated.images, images, scenes, track, "classifying generated images")
        reference = paired_readings(
            classifier, held_out.images[:num], real, scenes[:num], track, "classifying true renders"
        )
        return Evaluation.of(
            self,
            context.protocol,
            figures(read, reference, groups_of(classifier), held_out.contents),
            notes=NOTES,
            examples=_examples(generated, read),
            clusters=held_out.contents,
        )


def figures(
    read: PairedReadings, reference: PairedReadings, groups: Sequence[str], contents: Sequence[str]
) -> list[Figure]:
    """Every line; `groups` are the attributes that the classifier has labels for."""
    shuffled, real = hits_of(read.shuffled(), groups), hits_of(reference, groups)
    rates = [
        Figure.rate(
            key, hits, contents, name=NAMES.get(key, ""), chance=_share(shuffled[key]), reference=_share(real[key])
        )
        for key, hits in hits_of(read, groups).items()
    ]
    missing = [
        Figure(_alike(group), None, name=NAMES[_alike(group)], note=NO_LABELS)
        for group in GROUPS
        if group not in groups
    ]
    return [*rates, _kappa_figure(read), *missing]


def hits_of(read: PairedReadings, groups: Sequence[str]) -> dict[str, Hits]:
    """What is counted, picture by picture; None where a picture does not count."""
    refused, judged_false, unclassified = (
        [not hit for hit in hits] for hits in (read.accepted, read.judged_true, read.classified)
    )
    return {
        "read_alike": [*read.alike],
        "read_alike_accepted": _only(read.alike, read.accepted),
        "read_alike_refused": _only(read.alike, refused),
        **{_alike(group): [*read.alike_in(group)] for group in groups},
        "same_verdict": [*read.same_verdict],
        "classified_though_judged_false": _only(read.classified, judged_false),
        "judged_true_though_not_classified": _only(read.judged_true, unclassified),
    }


def _kappa_figure(read: PairedReadings) -> Figure:
    """How far the verdicts agree beyond what their frequencies alone would make agree (Cohen 1960)."""
    kappa, chance = _kappa(read), _kappa(read.shuffled())
    described = {"name": KAPPA_NAME, "finding": f"shows what was asked, {_cells(read)}", "percent": False}
    if kappa is None:
        return Figure(KAPPA, None, note="undefined where both always say the same", **described)
    return Figure(KAPPA, kappa, len(read.asked), chance=chance, **described)


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
    return f"read_alike_{group}"


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
