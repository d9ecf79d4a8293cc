"""Image-text retrieval: how an embedding ranks held-out images for a sentence, and sentences for an image."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.evaluation.benchmark import Benchmark
from diptych.evaluation.context import Context
from diptych.evaluation.generation.generated import shown_places
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import Evaluation, Example, Figure, Layout
from diptych.evaluation.retrieval.hard import HARD_NOTE, hard_recalls
from diptych.evaluation.retrieval.ranking import NUM_DISTRACTORS, precision_figure
from diptych.metrics.retrieval import recall_by_chance, recall_hits
from diptych.runs.capabilities import EmbedsPairs
from diptych.systems.embedding.quality import RANKS
from diptych.systems.embedding.truth import true_pairs

DIRECTIONS = {"text_to_image": "text → image", "image_to_text": "image → text"}
NOTE = (
    "Recall at k: one of the k nearest images (or sentences) is right. Right is whatever is true, so another image of "
    "the same content is no mistake; of equal cosines the wrong one comes first. Chance: k drawn without looking."
)

Scores = Float[Tensor, "images sentences"]
Truth = Bool[Tensor, "images sentences"]


class EmbeddingRetrieval(Benchmark):
    """Recall in both directions, and R-precision of the real images."""

    kind, title, layout = "embedding", "Image-text retrieval", Layout.CAPTIONING
    lead = "Of all held-out sentences the one that lies nearest to each image."
    needs = "a run that embeds images and sentences"

    def applies(self, context: Context) -> bool:
        return isinstance(context.subject, EmbedsPairs)

    def measure(self, context: Context) -> Evaluation:
        held_out = context.held_out
        scores, true = compared(context.subject, held_out)
        ranked = {"text_to_image": (scores.T, true.T), "image_to_text": (scores, true)}
        contents = held_out.contents
        figures = [_recall(name, *pair, k, contents) for name, pair in ranked.items() for k in RANKS]
        precision = precision_figure(scores, true, held_out, seed=context.request.seed)
        hard = hard_recalls(context, scores, true)
        return Evaluation.of(
            self,
            {**context.protocol, "distractors": NUM_DISTRACTORS},
            [*figures, precision, *hard],
            notes=(NOTE, HARD_NOTE) if hard else (NOTE,),
            headline=("text_to_image_recall_at_1", "image_to_text_recall_at_1"),
            examples=_examples(held_out, scores, true),
            clusters=contents,
        )


def compared(embedder: object, held_out: HeldOut) -> tuple[Scores, Truth]:
    """The cosine of every held-out image and sentence, and whether the sentence is true of the image."""
    assert isinstance(embedder, EmbedsPairs)
    scores = embedder.image_vectors(list(held_out.images)) @ embedder.sentence_vectors(held_out.sentences).T
    return scores, true_pairs(held_out.spec, held_out.sentences, held_out.references, held_out.scenes)


def _recall(name: str, scores: Tensor, true: Tensor, k: int, contents: Sequence[str]) -> Figure:
    return Figure.rate(
        f"{name}_recall_at_{k}",
        recall_hits(scores, true, k).tolist(),
        contents,
        name=f"{DIRECTIONS[name]}, recall at {k}",
        chance=float(recall_by_chance(true, k).mean()),
        note=f"of {true.shape[1]:,} {'images' if name == 'text_to_image' else 'sentences'}",
    )


def _examples(held_out: HeldOut, scores: Scores, true: Truth) -> list[Example]:
    """The first images, and the first failures after them, each with the sentence that was found for it."""
    nearest = scores.argmax(dim=1)
    right = true[torch.arange(len(true)), nearest].tolist()
    places = shown_places(right)
    sentences, found = held_out.sentences, nearest.tolist()
    return [
        Example(i, picture, sentences[i], sentences[found[i]], (("true" if right[i] else "false", right[i]),))
        for i, picture in zip(places, to_pil(held_out.images[places]), strict=True)
    ]
