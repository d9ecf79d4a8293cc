"""Recall of sentences where each image has false ones beside it that differ from its own in a single claim."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.evaluation.context import Context
from diptych.evaluation.likelihood.pairs import Pairs
from diptych.evaluation.results import Figure
from diptych.metrics.retrieval import recall_by_chance, recall_hits
from diptych.runs.capabilities import ScoresOwnSentences
from diptych.systems.embedding.quality import RANKS
from diptych.world.alterations import ALTERATIONS

HARD_NOTE = (
    "With minimal pairs: each image's candidates are all held-out sentences and false ones that differ from its own in "
    "one claim (shape, colour, size, an exchange, a relation)."
)

Scores = Float[Tensor, "images sentences"]
Truth = Bool[Tensor, "images sentences"]


def hard_recalls(context: Context, scores: Scores, true: Truth) -> list[Figure]:
    """Recall of sentences among the held-out ones and each image's own minimal pairs; [] on data without a world."""
    run, held_out = context.subject, context.held_out
    if held_out.world is None or not isinstance(run, ScoresOwnSentences):
        return []
    pairs = Pairs.of(held_out, run, context.request.seed)
    is_there = torch.tensor([[kind in own for kind in ALTERATIONS] for own in pairs.false])
    false = pairs.scores(run, held_out, context.track)[:, 1:].masked_fill(~is_there, -torch.inf)
    all_scores = torch.cat([scores, false.to(scores)], dim=1)
    all_true = torch.cat([true, torch.zeros_like(is_there)], dim=1)
    numbers = (true.shape[1] + is_there.sum(dim=1)).tolist()
    return [_recall(all_scores, all_true, k, numbers, held_out.contents) for k in RANKS]


def _recall(scores: Scores, true: Truth, k: int, numbers: Sequence[int], contents: Sequence[str]) -> Figure:
    chance = [float(recall_by_chance(row[None, :number], k)) for row, number in zip(true, numbers, strict=True)]
    return Figure.rate(
        f"image_to_text_hard_recall_at_{k}",
        recall_hits(scores, true, k).tolist(),
        contents,
        name=f"image → text with minimal pairs, recall at {k}",
        chance=sum(chance) / len(chance),
        note=f"of {max(numbers):,} sentences",
    )
