"""Classification: the labels that are found in held-out images, beside those that hold."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.classification.labels import GROUPS, value_of
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, Evaluation, Example, Figure, Layout
from diptych.evaluation.shares import share
from diptych.metrics.classification import Ratio, label_scores
from diptych.runs.capabilities import ClassifiesImages
from diptych.types import Images, Track

NOTE = (
    "Right: nothing is missing and nothing is there besides. Precision, recall and F1 count labels over all pictures; "
    "their intervals range over contents. Chance: what is found in each image, held against the next one's labels."
)

MICRO = {"micro_precision": "no label was found", "micro_recall": "no label holds", "micro_f1": "no label holds"}
"""Over all labels of all images together (training logs the mean over labels), and why there may be none."""

Labels = Bool[Tensor, "pictures labels"]


class Classification(Benchmark):
    """The table of a classifier: all labels together, and on scenes each kind of attribute by itself."""

    kind, title, layout = "classification", "Classification", Layout.LABELS
    lead = "The labels found in each image, beside those that hold."
    needs = "a classifier"

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, ClassifiesImages)

    def refusal(self, context: Context) -> str:
        """Other labels than those it learned cannot be found."""
        classifier, held_out = context.subject, context.held_out
        assert isinstance(classifier, ClassifiesImages)
        if held_out.labels is not None and held_out.spec.labels == classifier.labels:
            return ""
        return (
            f"{context.subject.run.run_id} finds {len(classifier.labels)} labels, and {held_out.name} has "
            f"{'none' if held_out.labels is None else 'others'}: evaluate it on data like those it was trained on"
        )

    def measure(self, context: Context) -> Evaluation:
        classifier, held_out = context.subject, context.held_out
        assert isinstance(classifier, ClassifiesImages)
        assert held_out.labels is not None
        held, found = held_out.labels, found_in(classifier, held_out.images, context.track)
        contents = held_out.contents_of_pictures
        figures = label_figures("", found, held, contents)
        for group in GROUPS if held_out.world else ():
            of_group = [grouped(matrix, classifier.labels, group) for matrix in (found, held)]
            if of_group[0].shape[1]:
                figures += label_figures(group, *of_group, contents=contents)
        return Evaluation.of(
            self,
            context.protocol,
            figures,
            reasons=_reasons(found, held),
            notes=(NOTE,),
            examples=_examples(held_out, classifier.labels, found, held),
            clusters=contents,
        )


def _reasons(found: Labels, held: Labels) -> dict[str, int]:
    reasons = {"missing labels": int((held & ~found).sum()), "labels too many": int((found & ~held).sum())}
    return {reason: count for reason, count in reasons.items() if count}


def found_in(classifier: ClassifiesImages, images: Images, track: Track, description: str = "classifying") -> Labels:
    """What it finds in each image."""
    classifications = classifier.classifications(list(images))
    found = [set(one.labels) for one in track(classifications, description=description, total=len(images))]
    return torch.tensor([[label in names for label in classifier.labels] for names in found])


def label_figures(group: str, found: Labels, held: Labels, contents: Sequence[str]) -> list[Figure]:
    """How many pictures are right, and precision, recall and F1 of the labels; `group` says which ones they are."""
    others = held.roll(-1, dims=0)
    right, by_chance = ((found == labels).all(dim=1).tolist() for labels in (held, others))
    scores, by_shuffling = label_scores(found, held, contents, CONTENTS), label_scores(found, others, contents)
    prefix = f"{group}_" if group else ""
    return [
        Figure.rate(f"{prefix}accuracy", right, contents, chance=share(by_chance)),
        *(
            _figure(f"{prefix}{key}", undefined, ratio, chance, len(held))
            for (key, undefined), ratio, chance in zip(MICRO.items(), scores, by_shuffling, strict=True)
        ),
    ]


def grouped(matrix: Labels, labels: tuple[str, ...], group: str) -> Labels:
    """Which values of one attribute occur (some red object, whatever its shape), or how many objects there are."""
    values = [value_of(label, group) for label in labels]
    columns = [matrix[:, [v == value for v in values]].any(dim=1) for value in dict.fromkeys(values) if value]
    return torch.stack(columns, dim=1) if columns else matrix[:, :0]


def _figure(key: str, undefined: str, ratio: Ratio, chance: Ratio, n: int) -> Figure:
    name = key.replace("_", " ").replace("f1", "F1")
    if ratio.value is None:
        return Figure(key, None, name=name, note=undefined)
    return Figure.of(key, ratio.value, n, ratio.interval, name=name, chance=chance.value)


def _examples(held_out: HeldOut, labels: tuple[str, ...], found: Labels, held: Labels) -> list[Example]:
    """The first ones, and the first failures after them."""
    right = (found == held).all(dim=1).tolist()
    places = shown_places(right)
    return [
        Example(i, picture, _said(labels, held[i]), _said(labels, found[i]), ((_verdict(right[i]), right[i]),))
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]


def _said(labels: tuple[str, ...], row: Bool[Tensor, " labels"]) -> str:
    return ", ".join(label for label, holds in zip(labels, row.tolist(), strict=True) if holds)


def _verdict(right: bool) -> str:
    return "right" if right else "otherwise"
