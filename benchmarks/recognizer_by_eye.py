"""A recogniser and the judge on 240 pictures labelled by eye: `python benchmarks/recognizer_by_eye.py RECOGNIZER`.

The pictures are those of judge_by_eye.py, which says how they were painted and labelled; their range from perfect to
rubbish gives the two readers something to differ about, and the labels say who is right. RECOGNIZER is a run of
`experiment=scenes/recognizer`, by default the latest recogniser.
"""

import argparse
from collections.abc import Sequence

from diptych.evaluation.classification.paired_readings import ReadTwice, in_labels
from diptych.reports.page.markdown import markdown_table
from diptych.runs.load import Recognizer, load_recognizer
from diptych.types import Scene, SceneObject
from docs_pages.pages import rewrite
from judge_by_eye import PAGE, QUALITIES, Seen, seen

HEADER = ("by eye", "pictures", "read alike", "only the judge reads as the eye", "only the recogniser does", "neither")


def read_by_both(recognizer: Recognizer, pictures: Sequence[Seen]) -> ReadTwice:
    """What both read, with what was seen in place of what was asked."""
    return ReadTwice(
        asked=[in_labels(scene_seen(picture), recognizer) for picture in pictures],
        judge=[in_labels(picture.reading.scene, recognizer) for picture in pictures],
        recognizer=[frozenset(one.labels) for one in recognizer.recognitions([p.picture for p in pictures])],
        accepted=[picture.accepted for picture in pictures],
    )


def scene_seen(picture: Seen) -> Scene:
    """The objects that were written down, at no particular place."""
    things = (SceneObject(shape, colour, size, 0.0, 0.0, 0.0) for size, colour, shape in picture.label["objects"])
    return Scene(picture.picture.shape[-1], tuple(things))


def row(name: str, read: ReadTwice, counts: Sequence[bool]) -> tuple[str, ...]:
    """One line: of those that differ, who reads what was seen."""
    places = [i for i, one in enumerate(counts) if one]
    apart = [i for i in places if not read.alike[i]]
    judge = sum(read.judge[i] == read.asked[i] for i in apart)
    recognizer = sum(read.recognizer[i] == read.asked[i] for i in apart)
    cells = (len(places), len(places) - len(apart), judge, recognizer, len(apart) - judge - recognizer)
    return name, *map(str, cells)


def table(recognizer: Recognizer) -> str:
    """By what the pictures are to the eye, and by what the judge makes of them."""
    pictures = seen()
    read = read_by_both(recognizer, pictures)
    rows = [row(quality, read, [p.label["quality"] == quality for p in pictures]) for quality in QUALITIES]
    rows.append(row("accepted by the judge", read, read.accepted))
    rows.append(row("refused by the judge", read, [not accepted for accepted in read.accepted]))
    return markdown_table(HEADER, rows)


def main() -> None:
    """Print the table; --page writes it into docs/judge.md."""
    parser = argparse.ArgumentParser(description="a recogniser and the judge on pictures labelled by eye")
    parser.add_argument("recognizer", nargs="?", default="latest")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    lines = table(load_recognizer(asked.recognizer))
    print(lines)
    if asked.page:
        rewrite(PAGE, "recognizer_by_eye", lines)


if __name__ == "__main__":
    main()
