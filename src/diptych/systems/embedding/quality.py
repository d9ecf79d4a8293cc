"""Validation metrics of an embedding."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.metrics.retrieval import recall_hits
from diptych.systems.devices import gather_in_order
from diptych.systems.embedding.truth import true_pairs
from diptych.types import Batch, DataSpec, Scene

MOST_COMPARED = 5_000
"""Images, and as many sentences: COCO's usual number."""
RANKS = (1, 5, 10)


class _Pair(NamedTuple):
    image: Tensor
    text: Tensor
    sentence: str
    references: Sequence[str]
    scene: Scene | None


class EmbeddingQuality:
    """Collects the vectors of a validation's pairs, and ranks them against one another, over all devices.

    `text_to_image_recall_at_k` is the share of sentences for which one of the k nearest images is right, and
    `image_to_text_recall_at_k` that of images for which one of the k nearest sentences is; right is whatever is true
    (`true_pairs`). `recall_at_1` is the mean of the two.
    """

    def __init__(self, data_spec: DataSpec) -> None:
        self.data_spec = data_spec
        self.reset()

    def reset(self) -> None:
        """Start again."""
        self._pairs: list[_Pair] = []

    def update(
        self, images: Float[Tensor, "b dim"], texts: Float[Tensor, "b dim"], sentences: Sequence[str], batch: Batch
    ) -> None:
        """Add a batch: the vectors of its images and of one sentence each."""
        scenes = batch.scenes or (None,) * len(batch)
        references = batch.references or tuple((sentence,) for sentence in sentences)
        columns = (images.cpu(), texts.cpu(), sentences, references, scenes)
        self._pairs += [_Pair(*row) for row in zip(*columns, strict=True)][: MOST_COMPARED - len(self._pairs)]

    def compute(self) -> dict[str, float]:
        """Each metric by its name."""
        pairs = gather_in_order(self._pairs)[:MOST_COMPARED]
        scores = torch.stack([pair.image for pair in pairs]) @ torch.stack([pair.text for pair in pairs]).T
        _, _, sentences, references, scenes = zip(*pairs, strict=True)
        true = true_pairs(self.data_spec, sentences, references, scenes)
        figures = {
            f"{name}_recall_at_{k}": float(recall_hits(*ranked, k).double().mean())
            for name, ranked in (("text_to_image", (scores.T, true.T)), ("image_to_text", (scores, true)))
            for k in RANKS
        }
        mean = (figures["text_to_image_recall_at_1"] + figures["image_to_text_recall_at_1"]) / 2
        return {"recall_at_1": mean, **figures}
