"""Runs that embed images and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.pictures import Picture


@dataclass
class PairEmbedder(Handle):
    """A run that embeds images and sentences in one space: cosines say how well they fit."""

    task = "embedding"
    abilities = ("embed_images", "embed_sentences")
    does = "embed images and sentences"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    def image_vectors(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """A vector of length 1 for each image: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return torch.cat([self.system.embed_images(pixels).cpu() for pixels in self._batches(pictures)])

    def sentence_vectors(self, sentences: Sequence[str]) -> torch.Tensor:
        """A vector of length 1 for each sentence; words that the run never saw are read as <unk>."""
        parts = [sentences[i : i + PICTURES_AT_ONCE] for i in range(0, len(sentences), PICTURES_AT_ONCE)]
        return torch.cat([self.system.embed_sentences(part).cpu() for part in parts])

    def own_sentence_scores(self, pictures: Sequence[Picture], sentences: Sequence[Sequence[str]]) -> torch.Tensor:
        """The cosine of each image and sentences of its own, equally many each: a row an image."""
        vectors = self.sentence_vectors([text for own in sentences for text in own])
        return torch.einsum("id,ikd->ik", self.image_vectors(pictures), vectors.unflatten(0, (len(pictures), -1)))

    def similarities(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> torch.Tensor:
        """The cosine of each image (a row) and each sentence (a column)."""
        return self.image_vectors(pictures) @ self.sentence_vectors(sentences).T
