"""How much of what was generated or told is true: exact, against scenes, in the words of the world's grammar.

The functions give one row an example; the metrics average rows. Illegible pictures and malformed captions count in
every denominator, so that nothing is gained by being unreadable.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from diptych.types import Scene
from diptych.world import ASPECTS, REASONS, Constraints, Judge, Reading, WorldSpec, meaning

RIGHT = tuple(f"right_{aspect}" for aspect in ASPECTS)
IMAGE_SCORES = ("scene_accuracy", *(f"false_{reason}" for reason in REASONS[1:]), *RIGHT)
CAPTION_SCORES = ("exact_match", "faithful", "well_formed", *RIGHT, "informativeness", "hallucination")


def image_scores(judge: Judge, reading: Reading, constraints: Constraints) -> list[float]:
    """`IMAGE_SCORES` of one picture: the verdict, its reason, and how much of each kind of claim was read in it."""
    reason = judge.verdict(reading, constraints).reason
    right = _right(constraints, reading.scene, judge.is_closed(constraints))
    return [float(reason == name) for name in REASONS] + right


def caption_scores(constraints: Constraints | None, scene: Scene) -> list[float]:
    """`CAPTION_SCORES` of one caption; None stands for one that is no sentence of the grammar, which is never right.

    `faithful` allows leaving things out, `exact_match` does not. `informativeness` is the share of the scene's facts
    that the caption says; `hallucination` that of its claims which are false, the one score that is better when low.
    """
    if constraints is None:
        return [0.0] * (len(CAPTION_SCORES) - 1) + [1.0]
    exact, true = constraints.exact_for(scene), constraints.entailed_by(scene)
    right = _right(constraints, scene, closed=constraints.is_complete())
    atoms = constraints.atoms(scene)
    return [float(exact), float(true), 1.0, *right, atoms.informativeness, atoms.hallucination]


class _MeanScores(Metric):
    """The mean of rows of named scores of sentences in any of some languages."""

    is_differentiable = False
    full_state_update = False
    totals: Tensor
    examples: Tensor

    def __init__(self, names: Sequence[str], languages: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.languages = tuple(languages)
        self.add_state("totals", torch.zeros(len(self.names), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("examples", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def compute(self) -> dict[str, float]:
        """Every score's mean over all examples so far."""
        return dict(zip(self.names, (self.totals / self.examples).tolist(), strict=True))

    def _add(self, rows: Sequence[Sequence[float]]) -> None:
        self.totals += torch.tensor(rows, dtype=torch.float64).sum(dim=0).to(self.totals)
        self.examples += len(rows)


class SceneAccuracy(_MeanScores):
    """Whether pictures are what sentences say; the scores are named in `IMAGE_SCORES`.

    With `closed`, a picture of a complete sentence must show everything it says and nothing else (`Judge` says when
    a sentence is complete); a picture of any other sentence must show what is said. `world` may be the dictionary
    that a `DataSpec` carries.
    """

    higher_is_better = True

    def __init__(
        self, world: WorldSpec | Mapping[str, Any], languages: Sequence[str] = ("en",), closed: bool = True
    ) -> None:
        super().__init__(IMAGE_SCORES, languages)
        self.judge = Judge(world if isinstance(world, WorldSpec) else WorldSpec(**world), closed)

    def update(self, images: Float[Tensor, "b 3 side side"], sentences: Sequence[str]) -> None:
        """Judge one picture a sentence."""
        constraints = [self._understand(sentence) for sentence in sentences]
        readings = self.judge.read(images)
        self._add([image_scores(self.judge, *pair) for pair in zip(readings, constraints, strict=True)])

    def _understand(self, sentence: str) -> Constraints:
        constraints = meaning(sentence, self.languages)
        if constraints is None:
            raise ValueError(f"truth: {sentence!r} is not a sentence of the world; only its sentences can be judged.")
        return constraints


class CaptionAccuracy(_MeanScores):
    """Whether captions are true of scenes; the scores are named in `CAPTION_SCORES`."""

    higher_is_better = True

    def __init__(self, languages: Sequence[str] = ("en",)) -> None:
        super().__init__(CAPTION_SCORES, languages)

    def update(self, captions: Sequence[str], scenes: Sequence[Scene]) -> None:
        """Hold one caption against each scene."""
        pairs = zip(captions, scenes, strict=True)
        self._add([caption_scores(meaning(caption, self.languages), scene) for caption, scene in pairs])


def _right(constraints: Constraints, scene: Scene, closed: bool) -> list[float]:
    comparison = constraints.compare(scene, closed)
    return [getattr(comparison, aspect) for aspect in ASPECTS]
