"""R-precision by an embedding: whether an image's own sentence is nearer to it than 99 wrong ones."""

from collections.abc import Sequence
from statistics import fmean

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Figure
from diptych.metrics.retrieval import draw_distractors, ranked_first
from diptych.text.tokenizers import plain

NUM_DISTRACTORS = 99
"""As in AttnGAN (Xu et al. 2018, arXiv:1711.10485)."""

Scores = Float[Tensor, "images sentences"]
Truth = Bool[Tensor, "images sentences"]


def precision_figure(
    scores: Scores, true: Truth, held_out: HeldOut, *, seed: int, reference: float | None = None
) -> Figure:
    """The share of images whose own sentence (of the same number) is nearest, among it and wrong ones.

    `true[i, j]`: sentence j is true of the scene or picture that sentence i is of; it is no distractor then. The wrong
    ones all differ from one another. Images of which nothing is wrong do not count.
    """
    distractors = drawn(true, held_out.sentences, seed)
    numbers = distractors.sum(dim=1).tolist()
    hits = [bool(hit) if number else None for hit, number in zip(_first(scores, distractors), numbers, strict=True)]
    counted = [number for number in numbers if number]
    return Figure.rate(
        "r_precision",
        hits,
        held_out.contents_of_pictures[: len(hits)],
        name="R-precision",
        chance=fmean(1 / (1 + number) for number in counted) if counted else None,
        reference=reference,
        note=f"the own sentence among {_between(counted)} wrong ones" if counted else "no sentence is wrong",
    )


def precision(scores: Scores, true: Truth, held_out: HeldOut, *, seed: int) -> float | None:
    """The value of `precision_figure` alone."""
    distractors = drawn(true, held_out.sentences, seed)
    hits = [float(hit) for hit, some in zip(_first(scores, distractors), distractors.any(dim=1), strict=True) if some]
    return fmean(hits) if hits else None


def drawn(true: Truth, sentences: Sequence[str], seed: int) -> Truth:
    """The wrong sentences that each image's own one is held against; the same for every run."""
    said = [plain(sentence) for sentence in sentences]
    is_new = torch.tensor([text not in said[:j] for j, text in enumerate(said)])
    wrong = ~true & is_new & ~torch.eye(len(true), dtype=torch.bool)
    return draw_distractors(wrong, NUM_DISTRACTORS, torch.Generator().manual_seed(seed))


def _first(scores: Scores, distractors: Truth) -> list[bool]:
    return ranked_first(scores, torch.arange(len(scores)), distractors).tolist()


def _between(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least}" if least == most else f"{least} to {most}"
