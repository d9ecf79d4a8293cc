"""What judge and classifier read in the same pictures, both in the labels that the classifier has.

Labels say which kinds of objects there are (size, colour, shape) and how many objects, not where they stand or how many
there are of a kind. So a picture shows here what was asked, for both readers, even if nothing but the places is wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diptych.data.labels import labels_of
from diptych.evaluation.classification.labels import GROUPS, value_of
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.scene_accuracy import Judged, rotated
from diptych.runs.capabilities import ClassifiesImages
from diptych.runs.handles import Handle
from diptych.types import DataSpec, Images, Scene, Track
from diptych.world import WorldSpec

Labels = frozenset[str]


@dataclass(frozen=True)
class PairedReadings:
    """Labels of each picture: those asked for, the judge's and the classifier's.

    `accepted` says whether the judge finds the picture legible and unambiguous. It calls no other picture what was
    asked; the classifier answers always.
    """

    asked: Sequence[Labels]
    judge: Sequence[Labels]
    classifier: Sequence[Labels]
    accepted: Sequence[bool]

    @property
    def alike(self) -> list[bool]:
        """Whether both read the same labels in a picture."""
        return _equal(self.judge, self.classifier)

    def alike_in(self, group: str) -> list[bool]:
        """Whether both read the same shapes, colours or sizes, whatever they belong to, or as many objects."""
        return _equal([_values(one, group) for one in self.judge], [_values(one, group) for one in self.classifier])

    @property
    def judged_true(self) -> list[bool]:
        """Whether the judge accepts the picture, and reads in it what was asked."""
        return [same and clear for same, clear in zip(_equal(self.judge, self.asked), self.accepted, strict=True)]

    @property
    def classified(self) -> list[bool]:
        """Whether the classifier finds just what was asked."""
        return _equal(self.classifier, self.asked)

    @property
    def same_verdict(self) -> list[bool]:
        """Whether both find what was asked, or neither does."""
        return [one == other for one, other in zip(self.judged_true, self.classified, strict=True)]

    def shuffled(self) -> "PairedReadings":
        """Every picture with what the classifier finds in the next one."""
        return replace(self, classifier=rotated(self.classifier))


def paired_readings(
    classifier: ClassifiesImages,
    images: Images,
    pictures: Judged,
    scenes: Sequence[Scene],
    track: Track,
    description: str,
) -> PairedReadings:
    """Ask the classifier as well; `pictures` are the judge's readings of the images, `scenes` what was asked for."""
    found = track(classifier.classifications(list(images)), description=description, total=len(images))
    return PairedReadings(
        asked=[in_labels(scene, classifier) for scene in scenes],
        judge=[in_labels(reading.scene, classifier) for reading in pictures.readings],
        classifier=[frozenset(one.labels) for one in found],
        accepted=[reading.is_legible and not reading.is_ambiguous for reading in pictures.readings],
    )


def why_incomparable(classifier: Handle, held_out: HeldOut) -> str:
    """That there is no judge beside it, or no label for what it would be shown; "" where there are."""
    name = classifier.run.run_id
    if held_out.world is None:
        return (
            f"{name} classifies, and {held_out.name} has no exact scenes, so that there is no judge to hold it "
            "against: leave out --with, or give it a captioner"
        )
    lacking = _lacking(_world_of(classifier.data_spec), held_out.world)
    if not lacking:
        return ""
    return (
        f"{name} never learned {', '.join(lacking)}, which {held_out.name} has: give --with a classifier that did, "
        f"such as one of `diptych train model=classifier data={held_out.name}` with the same data.world"
    )


def in_labels(scene: Scene, classifier: ClassifiesImages) -> Labels:
    """What the classifier should find in the scene; of a number of objects that it has no label for, none."""
    world = _world_of(classifier.data_spec)
    assert world is not None
    held = labels_of(scene, world)
    return frozenset(label for label in held if label in classifier.labels or value_of(label, "count") is None)


def groups_of(classifier: ClassifiesImages) -> list[str]:
    """The attributes that it has labels for; of worlds that always have as many objects it has none for the count."""
    return [group for group in GROUPS if any(value_of(label, group) for label in classifier.labels)]


def _world_of(spec: DataSpec) -> WorldSpec | None:
    """The world of the scenes that a classifier learned from."""
    return WorldSpec(**spec.world) if spec.world else None


def _lacking(learned: WorldSpec | None, shown: WorldSpec) -> list[str]:
    """What the second world may show and the first never does, in words."""
    if learned is None:
        return ["scenes"]
    needed = (*shown.sizes, *shown.colours, *shown.shapes)
    words = [word for word in needed if word not in (*learned.sizes, *learned.colours, *learned.shapes)]
    return words + [f"pictures of {count}" for count in shown.counts if count not in learned.counts]


def _values(labels: Labels, group: str) -> frozenset[str | None]:
    return frozenset(value_of(label, group) for label in labels) - {None}


def _equal(some: Sequence[frozenset[str | None]], others: Sequence[frozenset[str | None]]) -> list[bool]:
    return [one == other for one, other in zip(some, others, strict=True)]
