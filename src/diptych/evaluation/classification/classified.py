"""Evaluation of a classifier: the labels that it finds in held-out pictures, beside those that hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import CONTENTS, Evaluation, Example, Figure
from diptych.evaluation.scene_accuracy import share
from diptych.metrics.classification import Ratio, label_scores
from diptych.runs.load import ImageClassifier
from diptych.types import Track

TITLE = "Classification"
NOTE = (
    "Right: nothing is missing and nothing is there besides. Precision, recall and F1 count labels over all pictures; "
    "their intervals range over contents. Floor: what is found in each picture, held against the next one's labels."
)
GROUPS: tuple[str, ...] = ("size", "colour", "shape", "count")

Labels = Bool[Tensor, "pictures labels"]


def evaluate_classification(
    classifier: ImageClassifier, held_out: HeldOut, protocol: Mapping[str, Any], track: Track
) -> Evaluation:
    """The classifier's table: all labels together, and on scenes each kind of attribute by itself."""
    held = _held(held_out, classifier)
    found = find(classifier, held_out, track)
    contents = held_out.contents_of_pictures
    figures = label_figures("", found, held, contents)
    for group in GROUPS if held_out.world else ():
        of_group = [grouped(matrix, classifier.labels, group) for matrix in (found, held)]
        if of_group[0].shape[1]:
            figures += label_figures(group, *of_group, contents=contents)
    reasons = {"missing labels": int((held & ~found).sum()), "labels too many": int((found & ~held).sum())}
    wrong = {reason: count for reason, count in reasons.items() if count}
    examples = _examples(held_out, classifier.labels, found, held)
    return Evaluation("classifier", TITLE, protocol, figures, wrong, (NOTE,), examples, contents)


def find(classifier: ImageClassifier, held_out: HeldOut, track: Track) -> Labels:
    """What it finds in each picture."""
    classifications = classifier.classifications(list(held_out.images))
    found = [set(one.labels) for one in track(classifications, description="classifying", total=len(held_out))]
    return torch.tensor([[label in names for label in classifier.labels] for names in found])


def label_figures(group: str, found: Labels, held: Labels, contents: Sequence[str]) -> list[Figure]:
    """How many pictures are right, and precision, recall and F1 of the labels; `group` says which ones they are."""
    others = held.roll(-1, dims=0)
    right, by_chance = ((found == labels).all(dim=1).tolist() for labels in (held, others))
    scores, floors = label_scores(found, held, contents, CONTENTS), label_scores(found, others, contents)
    names = [f"{group} {name}".strip() for name in ("precision", "recall", "F1")]
    return [
        Figure.rate(f"{group or 'all'} right", right, contents, floor=share(by_chance)),
        *(_figure(*named, len(held)) for named in zip(names, scores, floors, strict=True)),
    ]


def grouped(matrix: Labels, labels: tuple[str, ...], group: str) -> Labels:
    """Which values of one attribute occur (some red object, whatever its shape), or how many objects there are."""
    values = [value_of(label, group) for label in labels]
    columns = [matrix[:, [v == value for v in values]].any(dim=1) for value in dict.fromkeys(values) if value]
    return torch.stack(columns, dim=1) if columns else matrix[:, :0]


def value_of(label: str, group: str) -> str | None:
    """A kind of object is called by its size, colour and shape; the number of objects has a label of its own."""
    words = label.split()
    attributes = dict(zip(GROUPS, words, strict=False)) if len(words) == 3 else {"count": label}
    return attributes.get(group)


def _figure(name: str, ratio: Ratio, floor: Ratio, n: int) -> Figure:
    if ratio.value is None:
        return Figure(name, None, note="no label was found" if "precision" in name else "no label holds")
    return Figure.of(name, ratio.value, n, ratio.interval, floor=floor.value)


def _held(held_out: HeldOut, classifier: ImageClassifier) -> Labels:
    if held_out.labels is None or held_out.spec.labels != classifier.labels:
        raise UserError(
            f"{classifier.run.run_id} finds {len(classifier.labels)} labels, and {held_out.name} has "
            f"{'none' if held_out.labels is None else 'others'}: evaluate it on data like those it was trained on"
        )
    return held_out.labels


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
