"""What ranks generated images by their sentences: a run that scores sentences, or the judge (`judge_ranking`)."""

from collections.abc import Sequence
from typing import Any, Protocol

from PIL import Image

from diptych.config.errors import UserError
from diptych.runs.capabilities import ScoresOwnSentences

JUDGE = "judge"


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
