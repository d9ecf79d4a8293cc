"""The minimal pairs of held-out scenes, and which sentence of each pair a run prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from diptych.evaluation.held_out import HeldOut
from diptych.runs.capabilities import ScoresOwnSentences
from diptych.types import Track
from diptych.world import Grammar
from diptych.world.alterations import ALTERATIONS, altered

PICTURES_AT_ONCE = 256


@dataclass(frozen=True)
class Pairs:
    """The false sentences of each picture by kind, drawn once for each seed, and what was left out."""

    sentences: Sequence[str]
    false: Sequence[Mapping[str, str]]

    @classmethod
    def of(cls, held_out: HeldOut, run: ScoresOwnSentences, seed: int) -> "Pairs":
        """One false sentence of each kind for the first reference of each picture, where the run reads both whole."""
        assert held_out.world is not None
        grammars = [Grammar(name) for name in held_out.spec.languages]
        pairs = zip(held_out.sentences, held_out.true_scenes(), strict=True)
        false = [
            altered(text, scene, held_out.world, grammars, Random(f"{seed}/pairs/{i}"), run.reads_whole)
            if run.reads_whole(text)
            else {}
            for i, (text, scene) in enumerate(pairs)
        ]
        return cls(held_out.sentences, false)

    def preferences(self, run: ScoresOwnSentences, held_out: HeldOut, track: Track) -> list[dict[str, bool]]:
        """Of each picture and kind, whether the true sentence scores higher; equal scores are no hit."""
        scores = self.scores(run, held_out, track)
        return [
            {kind: bool(row[0] > row[1 + ALTERATIONS.index(kind)]) for kind in own}
            for row, own in zip(scores, self.false, strict=True)
        ]

    def scores(self, run: ScoresOwnSentences, held_out: HeldOut, track: Track) -> Tensor:
        """Of the true sentence, then of each kind's false one; where there is none the true one stands for it."""
        rows = [
            [text, *(own.get(kind, text) for kind in ALTERATIONS)]
            for text, own in zip(self.sentences, self.false, strict=True)
        ]
        starts = range(0, len(rows), PICTURES_AT_ONCE)
        return torch.cat(
            [
                run.own_sentence_scores(
                    list(held_out.images[start : start + PICTURES_AT_ONCE]), rows[start : start + PICTURES_AT_ONCE]
                )
                for start in track(starts, description="scoring minimal pairs", total=len(starts))
            ]
        )
