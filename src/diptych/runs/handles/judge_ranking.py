"""Rank generated images of scenes by what the judge reads in them.

In a module of its own, since metrics import a library that takes seconds, which those who only generate do not need.
"""

from collections.abc import Sequence

import torch
from PIL import Image

from diptych.config.errors import UserError
from diptych.metrics.scene_accuracy import IMAGE_SCORES, RIGHT, image_scores
from diptych.runs.handles.ranking import JUDGE
from diptych.runs.images.pictures import to_pixels
from diptych.types import DataSpec
from diptych.world import Constraints, Judge, WorldSpec, meaning

COUNTED = ("scene_accuracy", *RIGHT)


class JudgeRanking:
    """By the judge of scenes: the mean of its verdict and of the shares that are right, from 0 to 1.

    The shares are those of the sentence's claims of count, shape, colour, size and relation.
    """

    name = JUDGE

    def __init__(self, data_spec: DataSpec) -> None:
        if data_spec.world is None:
            raise UserError(f"{data_spec.name} has no scenes for the judge: rank by a captioner's run")
        self.judge, self.languages = Judge(WorldSpec(**data_spec.world)), data_spec.languages

    def check(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self._claims(sentence)

    def scores(self, pictures: Sequence[Image.Image], sentence: str) -> list[float]:
        side, claims = self.judge.spec.side, self._claims(sentence)
        readings = self.judge.read(torch.stack([to_pixels(picture, side, 3) for picture in pictures]))
        named = (dict(zip(IMAGE_SCORES, image_scores(self.judge, one, claims), strict=True)) for one in readings)
        return [sum(scores[name] for name in COUNTED) / len(COUNTED) for scores in named]

    def _claims(self, sentence: str) -> Constraints:
        claims = meaning(sentence, self.languages)
        if claims is None:
            raise UserError(f"{sentence!r} is no sentence of scenes, which the judge reads: rank by a captioner's run")
        return claims
