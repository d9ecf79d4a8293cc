"""Scene accuracy as figures: each score with its interval, by chance (shuffled pairs), and of real data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from diptych.evaluation.results import Figure
from diptych.evaluation.shares import share
from diptych.metrics.scene_accuracy import CAPTION_SCORES, IMAGE_SCORES, caption_scores, image_scores
from diptych.types import Images, Scene, Track
from diptych.world import ASPECTS, REASONS, Constraints, Judge, Reading

PICTURES_AT_ONCE = 64
ASPECT_LABELS = {f"right_{aspect}": f"{aspect} right" for aspect in ASPECTS}
IMAGE_RATES = ("scene_accuracy", *ASPECT_LABELS)
CAPTION_RATES = ("exact_match", "faithful", "well_formed", *ASPECT_LABELS)
CAPTION_SHARES = ("informativeness", "hallucination")


@dataclass(frozen=True)
class Scores:
    """A row of named scores in [0, 1] for each example; a hit is a full score."""

    names: Sequence[str]
    rows: Sequence[Sequence[float]]

    def column(self, name: str) -> list[float]:
        """One score of each example."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def hits(self, name: str) -> list[bool]:
        """Whether each example has the score in full."""
        return [value == 1 for value in self.column(name)]


@dataclass(frozen=True)
class Judged:
    """What the judge read in each picture, and what was asked of it."""

    judge: Judge
    readings: Sequence[Reading]
    claims: Sequence[Constraints]

    @cached_property
    def scores(self) -> Scores:
        pairs = zip(self.readings, self.claims, strict=True)
        return Scores(IMAGE_SCORES, [image_scores(self.judge, *pair) for pair in pairs])

    @property
    def truth(self) -> list[bool]:
        """Whether the scene read in each picture is the one asked for."""
        return self.scores.hits("scene_accuracy")

    @property
    def matches(self) -> list[bool]:
        """Whether what was most probably read is what was asked, however badly it is generated."""
        pairs = zip(self.readings, self.claims, strict=True)
        return [self.judge.verdict(*pair).matches for pair in pairs]

    def shuffled(self) -> "Judged":
        """Every picture held against the sentence of the next one."""
        return Judged(self.judge, self.readings, rotated(self.claims))

    def reason(self, index: int) -> str:
        """`true`, or why the picture is not, in words."""
        return self.judge.verdict(self.readings[index], self.claims[index]).reason.replace("_", " ")

    def reasons(self) -> dict[str, int]:
        """How often each reason was given against a picture."""
        counts = {reason: sum(self.scores.hits(f"false_{reason}")) for reason in REASONS[1:]}
        return {reason.replace("_", " "): count for reason, count in counts.items() if count}


def judged(judge: Judge, images: Images, claims: Sequence[Constraints], track: Track, description: str) -> Judged:
    """Read the pictures where they are, a batch at a time."""
    parts = images.split(PICTURES_AT_ONCE)
    readings = [r for part in track(parts, description=description, total=len(parts)) for r in judge.read(part)]
    return Judged(judge, readings, claims)


def caption_truth(claims: Sequence[Constraints | None], scenes: Sequence[Scene]) -> Scores:
    """What is true of captions (as claims, None for what is no sentence) about these scenes."""
    return Scores(CAPTION_SCORES, [caption_scores(*pair) for pair in zip(claims, scenes, strict=True)])


def rates(
    keys: Iterable[str],
    scores: Scores,
    chance: Scores,
    reference: Scores | None = None,
    clusters: Sequence[str] = (),
) -> list[Figure]:
    """How many examples have each score in full; `clusters` says what each example is of."""
    return [
        Figure.rate(
            key,
            scores.hits(key),
            clusters,
            name=ASPECT_LABELS.get(key, ""),
            chance=share(chance.hits(key)),
            reference=reference and share(reference.hits(key)),
        )
        for key in keys
    ]


def rotated(items: Sequence[Any]) -> list[Any]:
    """Each one's place taken by the next: the shuffle of which nothing stays where it was."""
    return [*items[1:], *items[:1]]
