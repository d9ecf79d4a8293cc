"""Runs that classify images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from diptych.runs.handles.base import Handle
from diptych.runs.images.pictures import Picture
from diptych.systems.classification.labels import Classification


@dataclass
class ImageClassifier(Handle):
    """A run that finds which labels hold in images."""

    task = "classification"
    abilities = ("classify",)
    does = "classify images"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    @property
    def labels(self) -> tuple[str, ...]:
        """All that it can find."""
        return tuple(self.data_spec.labels)

    def classify(self, pictures: Sequence[Picture]) -> list[Classification]:
        """What is in each image: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return list(self.classifications(pictures))

    def classifications(self, pictures: Sequence[Picture]) -> Iterator[Classification]:
        """As `classify`, one after the other, a batch of images in memory at a time."""
        for pixels in self._batches(pictures):
            yield from self.system.classify(pixels)
