"""Scene accuracy of generated images and exact match of captions, against exact scenes of the world.

The functions return one row per example; the metrics average rows. Illegible pictures and malformed captions count in
every denominator, so a model gains nothing from unreadable output.
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
    """`IMAGE_SCORES` of one picture: the verdict, its reason, and the share of correct claims by kind."""
    reason = judge.verdict(reading, constraints).reason
    right = _right(constraints, reading.scene, judge.is_closed(constraints))
    return [float(reason == name) for name in REASONS] + right


def caption_scores(constraints: Constraints | None, scene: Scene) -> list[float]:
    """`CAPTION_SCORES` of one caption; None means a caption outside the grammar, which is never right.

    `exact_match` requires a complete caption, `faithful` does not. `informativeness` is the share of the scene's facts
    in the caption; `hallucination` is the share of false claims, the one score that is better when low.
    """
    if constraints is None:
        return [0.0] * (len(CAPTION_SCORES) - 1) + [1.0]
    exact, true = constraints.exact_for(scene), constraints.entailed_by(scene)
    right = _right(constraints, scene, closed=constraints.is_complete())
    atoms = constraints.atoms(scene)
    return [float(exact), float(true), 1.0, *right, atoms.informativeness, atoms.hallucination]


class _MeanScores(Metric):
    """The mean of rows of named scores, for sentences in any of some languages."""

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
        """The mean of every score over all examples so far."""
        return dict(zip(self.names, (self.totals / self.examples).tolist(), strict=True))

    def _add(self, rows: Sequence[Sequence[float]]) -> None:
        self.totals += torch.tensor(rows, dtype=torch.float64).sum(dim=0).to(self.totals)
        self.examples += len(rows)


class SceneAccuracy(_MeanScores):
    """Whether images match their sentences; `IMAGE_SCORES` names the scores.

    With `closed`, the image of a complete sentence must show everything in it and nothing else (`Judge` defines
    complete); the image of any other sentence must show its claims. `world` may be the dictionary of a `DataSpec`.
    """

    higher_is_better = True

    def __init__(
        self, world: WorldSpec | Mapping[str, Any], languages: Sequence[str] = ("en",), closed: bool = True
    ) -> None:
        super().__init__(IMAGE_SCORES, languages)
        self.judge = Judge(world if isinstance(world, WorldSpec) else WorldSpec(**world), closed)

    def update(self, images: Float[Tensor, "b 3 side side"], sentences: Sequence[str]) -> None:
        """Judge one image per sentence."""
        constraints = [self._understand(sentence) for sentence in sentences]
        readings = self.judge.read(images)
        self._add([image_scores(self.judge, *pair) for pair in zip(readings, constraints, strict=True)])

    def _understand(self, sentence: str) -> Constraints:
        constraints = meaning(sentence, self.languages)
        if constraints is None:
            raise ValueError(
                f"scene accuracy: {sentence!r} is not a sentence of the world; only its sentences can be judged."
            )
        return constraints


class CaptionAccuracy(_MeanScores):
    """Whether captions are true of scenes; `CAPTION_SCORES` names the scores."""

    higher_is_better = True

    def __init__(self, languages: Sequence[str] = ("en",)) -> None:
        super().__init__(CAPTION_SCORES, languages)

    def update(self, captions: Sequence[str], scenes: Sequence[Scene]) -> None:
        """Compare one caption with each scene."""
        pairs = zip(captions, scenes, strict=True)
        self._add([caption_scores(meaning(caption, self.languages), scene) for caption, scene in pairs])


def _right(constraints: Constraints, scene: Scene, closed: bool) -> list[float]:
    comparison = constraints.compare(scene, closed)
    return [getattr(comparison, aspect) for aspect in ASPECTS]
