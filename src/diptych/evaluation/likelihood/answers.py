"""Answers of yes and no about objects that are there and objects that are not, as POPE's five figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from diptych.evaluation.pooled import pooled
from diptych.evaluation.results import Figure

LINES = {
    "accuracy": ("accuracy", "of all answers, those that are right"),
    "precision": ("precision", "of the objects said to be there, those that are"),
    "recall": ("recall", "of the objects that are there, those said to be"),
    "f1": ("F1", "harmonic mean of the two; n: answers"),
    "yes": ("yes", "share of answers that are yes; half of the objects are there"),
}


@dataclass(frozen=True)
class Answers:
    """What is said of objects by number: whether each is there, of those `shown` and of as many `absent` ones."""

    says_yes: Bool[Tensor, "pictures statements"]
    shown: Sequence[Sequence[int]]
    absent: Sequence[Sequence[int]]

    def figures(self, name: str, contents: Sequence[str]) -> Iterator[Figure]:
        """The five figures of these negatives, called `name`; chance: what is said of the next picture."""
        beside = Answers(self.says_yes.roll(-1, 0), self.shown, self.absent)
        own, others = self.scores(), beside.scores()
        counts = {"f1": {"n": sum(map(len, own["yes"]))}}
        for figure, (label, note) in LINES.items():
            words = {"name": f"existence, {name}: {label}", "note": note, **counts.get(figure, {})}
            yield pooled(f"existence_{name}_{figure}", own[figure], contents, chance=others[figure], **words)

    def scores(self) -> dict[str, list[list[float]]]:
        """The zeros and ones of each picture whose mean each figure is."""
        rows = [self._of(place) for place in range(len(self.shown))]
        return {figure: [row[figure] for row in rows] for figure in LINES}

    def _of(self, place: int) -> dict[str, list[float]]:
        there = self.says_yes[place, list(self.shown[place])].tolist()
        not_there = self.says_yes[place, list(self.absent[place])].tolist()
        true, false, missed = sum(there), sum(not_there), len(there) - sum(there)
        return {
            "accuracy": [float(yes) for yes in there] + [float(not yes) for yes in not_there],
            "precision": [1.0] * true + [0.0] * false,
            "recall": [1.0] * true + [0.0] * missed,
            "f1": [1.0] * (2 * true) + [0.0] * (false + missed),
            "yes": [float(yes) for yes in (*there, *not_there)],
        }
