"""The judge against 240 pictures labelled by eye: `python benchmarks/judge_by_eye.py [--sheet SHEET.png] [--page]`.

The full-vocabulary generator made the pictures in tests/golden/by_eye: 50 with its trained weights and 190 with noise
added to its weights (0.35, 0.5 and 0.8 of each weight tensor's standard deviation), so that they range from perfect to
unreadable. A person who had not seen the judge's readings labelled each picture with its objects, from left to right,
and whether it is clear, damaged or unreadable. --sheet draws the disagreements, --page writes the table into
docs/judge.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from diptych.callbacks.grids import contact_sheet, to_pil
from diptych.reports.page.markdown import markdown_table
from diptych.world import Judge, Reading, WorldSpec, render
from docs_pages.pages import rewrite

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "tests" / "golden" / "by_eye"
PAGE, NAME = REPOSITORY / "docs" / "judge.md", "by_eye"
SIDE = 32
QUALITIES = ("clear", "damaged", "unreadable")


@dataclass(frozen=True)
class Seen:
    """One picture with its label by eye and the judge's reading."""

    number: int
    picture: torch.Tensor
    label: dict[str, Any]
    reading: Reading

    @property
    def accepted(self) -> bool:
        """Whether the judge accepts it as a certain scene."""
        return self.reading.is_legible and not self.reading.is_ambiguous

    @property
    def same(self) -> bool:
        """Whether the judge reads the labelled objects."""
        return sorted(map(tuple, self.label["objects"])) == sorted(kinds(self.reading))


def seen() -> list[Seen]:
    """Every picture with its label and its reading."""
    sheet = torch.from_numpy(np.array(Image.open(FOLDER / "pictures.png"))).permute(2, 0, 1).float() / 127.5 - 1
    tiles = sheet.unfold(1, SIDE, SIDE).unfold(2, SIDE, SIDE).permute(1, 2, 0, 3, 4).flatten(0, 1).contiguous()
    labels = json.loads((FOLDER / "labels.json").read_text(encoding="utf-8"))
    readings = Judge(WorldSpec(min_objects=1, max_objects=2)).read(tiles)
    return [Seen(i, tiles[i], labels[str(i)], readings[i]) for i in range(len(labels))]


def kinds(reading: Reading) -> list[tuple[str, str, str]]:
    """The objects of a reading, without positions."""
    return [(thing.size, thing.colour, thing.shape) for thing in reading.scene.objects]


def table(pictures: Sequence[Seen]) -> str:
    """One line per quality."""
    rows = []
    for quality in QUALITIES:
        of = [picture for picture in pictures if picture.label["quality"] == quality]
        rows.append(
            (quality, *(str(sum(counts)) for counts in zip(*((1, p.accepted, p.same) for p in of), strict=True)))
        )
    return markdown_table(("by eye", "pictures", "judge accepts", "judge reads the same"), rows)


def disagreements(pictures: Sequence[Seen]) -> list[Seen]:
    """The disagreements: accepted with other objects, accepted though unreadable, or refused though clear."""
    return [
        p
        for p in pictures
        if (p.accepted and (not p.same or p.label["quality"] == "unreadable"))
        or (not p.accepted and p.label["quality"] == "clear")
    ]


def sheet_of(pictures: Sequence[Seen]) -> Image.Image:
    """Each picture beside a rendering of the judge's reading, with label and reading."""
    images, words = [], []
    for p in pictures:
        both = torch.cat([p.picture, render([p.reading.scene], side=SIDE)[0]], dim=2)
        images.append(both)
        eye = "; ".join(" ".join(thing) for thing in p.label["objects"])
        read = "; ".join(" ".join(thing) for thing in kinds(p.reading))
        words.append(f"{p.number}: eye ({p.label['quality']}): {eye}\njudge ({p.reading.legibility}): {read}")
    return contact_sheet(to_pil(torch.stack(images)), words)


def main() -> None:
    """Print the table, and write the sheet or the page if requested."""
    parser = argparse.ArgumentParser(description="the judge against pictures labelled by eye")
    parser.add_argument("--sheet", type=Path, metavar="FILE.png", help="draw the disagreements")
    parser.add_argument("--page", action="store_true", help="write the table into docs/judge.md")
    asked, pictures = parser.parse_args(), seen()
    different = disagreements(pictures)
    print(table(pictures))
    print(f"\ndisagreements: {', '.join(str(p.number) for p in different) or 'none'}")
    if asked.sheet and different:
        sheet_of(different).save(asked.sheet)
    if asked.page:
        rewrite(PAGE, NAME, table(pictures))


if __name__ == "__main__":
    main()
