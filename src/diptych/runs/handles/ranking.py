"""What ranks generated images by their sentences: a run that scores sentences, or on scenes the judge."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image

from diptych.config.errors import UserError
from diptych.metrics.scene_accuracy import IMAGE_SCORES, RIGHT, image_scores
from diptych.runs.capabilities import ScoresOwnSentences
from diptych.runs.images.pictures import to_pixels
from diptych.types import DataSpec
from diptych.world import Constraints, Judge, WorldSpec, meaning

JUDGE = "judge"
COUNTED = ("scene_accuracy", *RIGHT)


class Ranking(Protocol):
    """Scores images by their sentences; higher is better. `name` says in records what ranked."""

    name: str

    def check(self, sentences: Sequence[str]) -> None:
        """Refuse sentences that it cannot read, before anything is generated."""
        ...

    def scores(self, pictures: Sequence[Image.Image], sentence: str) -> list[float]:
        """How well each picture fits the sentence."""
        ...


class LikelihoodRanking:
    """By a run: a captioner's log-likelihood of the sentence, an embedding's cosine."""

    def __init__(self, run: Any) -> None:
        self.run, self.name = run, run.run.run_id
        if not isinstance(run, ScoresOwnSentences):
            raise UserError(f"{self.name} gives sentences no scores: rank by a captioner that learned, or judge")

    def check(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            if not self.run.reads_whole(sentence):
                raise UserError(f"{self.name} does not read all of {sentence!r}: rank by a run of the same data")

    def scores(self, pictures: Sequence[Image.Image], sentence: str) -> list[float]:
        return self.run.own_sentence_scores(pictures, [[sentence]] * len(pictures))[:, 0].tolist()


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
