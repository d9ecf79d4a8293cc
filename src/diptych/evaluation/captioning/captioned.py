"""What is true of captions, by the world's rules or by the references."""

from collections.abc import Sequence

from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.scene_accuracy import Scores, caption_truth
from diptych.text.tokenizers import plain
from diptych.types import Scene
from diptych.world import ASPECTS, meaning

TRUE = "true"


def truth_of(texts: Sequence[str], held_out: HeldOut, scenes: Sequence[Scene] | None = None) -> Scores:
    """What is true of captions about the held-out scenes, or about others."""
    claims = [meaning(text, held_out.spec.languages) for text in texts]
    return caption_truth(claims, held_out.true_scenes() if scenes is None else scenes)


def reason_of(scores: Scores, index: int) -> str:
    """`true`, or why a caption is not exactly so."""
    row = dict(zip(scores.names, scores.rows[index], strict=True))
    if row["exact_match"]:
        return TRUE
    if not row["well_formed"]:
        return "not a sentence"
    return next((aspect for aspect in ASPECTS if row[f"right_{aspect}"] < 1), "incomplete")


def agreement(texts: Sequence[str], references: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each text is one of its references, up to case, spacing and how accents are written."""
    return [plain(text) in map(plain, wanted) for text, wanted in zip(texts, references, strict=True)]
