"""A classifier and the judge on 240 pictures labelled by eye: `python benchmarks/classifier_by_eye.py CLASSIFIER`.

The pictures are those of judge_by_eye.py, which describes how they were generated and labelled. They range from perfect
to unreadable, so the two readers differ on some, and the labels decide who is right. CLASSIFIER is a run of
`experiment=scenes/classifier`, by default the latest classifier.
"""

import argparse
from collections.abc import Sequence

from diptych.evaluation.classification.paired_readings import PairedReadings, in_labels
from diptych.reports.page.markdown import markdown_table
from diptych.runs.handles import ImageClassifier
from diptych.runs.load import load_classifier
from diptych.types import Scene, SceneObject
from docs_pages.pages import rewrite
from judge_by_eye import PAGE, QUALITIES, Seen, seen

HEADER = ("by eye", "pictures", "read alike", "only the judge reads as the eye", "only the classifier does", "neither")


def read_by_both(classifier: ImageClassifier, pictures: Sequence[Seen]) -> PairedReadings:
    """Both readings, with the label by eye in place of the prompt."""
    return PairedReadings(
        asked=[in_labels(scene_seen(picture), classifier) for picture in pictures],
        judge=[in_labels(picture.reading.scene, classifier) for picture in pictures],
        classifier=[frozenset(one.labels) for one in classifier.classifications([p.picture for p in pictures])],
        accepted=[picture.accepted for picture in pictures],
    )


def scene_seen(picture: Seen) -> Scene:
    """The labelled objects, without positions."""
    things = (SceneObject(shape, colour, size, 0.0, 0.0, 0.0) for size, colour, shape in picture.label["objects"])
    return Scene(picture.picture.shape[-1], tuple(things))


def row(name: str, read: PairedReadings, counts: Sequence[bool]) -> tuple[str, ...]:
    """One line: which reader agrees with the label where the two differ."""
    places = [i for i, one in enumerate(counts) if one]
    apart = [i for i in places if not read.alike[i]]
    judge = sum(read.judge[i] == read.asked[i] for i in apart)
    classifier = sum(read.classifier[i] == read.asked[i] for i in apart)
    cells = (len(places), len(places) - len(apart), judge, classifier, len(apart) - judge - classifier)
    return name, *map(str, cells)


def table(classifier: ImageClassifier) -> str:
    """Groups by the label's quality and by the judge's legibility."""
    pictures = seen()
    read = read_by_both(classifier, pictures)
    rows = [row(quality, read, [p.label["quality"] == quality for p in pictures]) for quality in QUALITIES]
    rows.append(row("accepted by the judge", read, read.accepted))
    rows.append(row("refused by the judge", read, [not accepted for accepted in read.accepted]))
    return markdown_table(HEADER, rows)


def main() -> None:
    """Print the table; --page writes it into docs/judge.md."""
    parser = argparse.ArgumentParser(description="a classifier and the judge on pictures labelled by eye")
    parser.add_argument("classifier", nargs="?", default="latest")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    lines = table(load_classifier(asked.classifier))
    print(lines)
    if asked.page:
        rewrite(PAGE, "classifier_by_eye", lines)


if __name__ == "__main__":
    main()
