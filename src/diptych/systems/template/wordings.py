"""How what a classifier finds becomes a sentence: by captions that were counted, or by the grammar of a world."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.metrics.scene_sentences import SceneSentences
from diptych.systems.classification.labels import Classification
from diptych.types import DataSpec, Images

Rngs = Sequence[Random] | None
"""A generator for each image that chooses its words; None takes the likeliest."""


class Wording(Protocol):
    """Sentences of images. `reads_captions` says whether it has to see training captions first."""

    reads_captions: bool

    def read(self, labels: Sequence[str], captions: Iterable[str]) -> None:
        """Take in the captions of a training image, and its true labels."""

    def sentences(
        self, classifier: Any, images: Images, found: Sequence[Classification], rngs: Rngs, temperature: float
    ) -> list[str]:
        """A sentence for each image, of which the classifier has `found` this."""
        ...

    def unheard(self) -> list[str]:
        """The labels of which no caption is known."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """What it has read, in plain values."""
        ...

    def from_dict(self, values: Mapping[str, Any]) -> None:
        """The inverse of `to_dict`."""


class CountedCaptions:
    """The captions that training images of a class have, by how often they come.

    Where images have several labels at a time, a class is a set of labels that training images have together, and the
    image's is the one that the classifier finds likeliest. A class without captions is called by its label; where there
    are no captions at all, and the classifier finds nothing, by the likeliest one. So no sentence is empty.
    """

    reads_captions = True

    def __init__(self, data_spec: DataSpec) -> None:
        self.labels, self.exclusive = data_spec.labels, data_spec.exclusive_labels
        self.counts: dict[tuple[str, ...], Counter[str]] = {}

    def read(self, labels: Sequence[str], captions: Iterable[str]) -> None:
        self.counts.setdefault(tuple(sorted(labels)), Counter()).update(captions)

    def sentences(
        self, classifier: Any, images: Images, found: Sequence[Classification], rngs: Rngs, temperature: float
    ) -> list[str]:
        rngs_or_none = rngs or [None] * len(found)
        return [self._sentence(one, rng, temperature) for one, rng in zip(found, rngs_or_none, strict=True)]

    def unheard(self) -> list[str]:
        heard = {label for labels in self.counts for label in labels}
        return [label for label in self.labels if label not in heard]

    def to_dict(self) -> dict[str, Any]:
        return {"counts": [[list(labels), dict(counts)] for labels, counts in self.counts.items()]}

    def from_dict(self, values: Mapping[str, Any]) -> None:
        self.counts = {tuple(labels): Counter(counts) for labels, counts in values["counts"]}

    def _sentence(self, found: Classification, rng: Random | None, temperature: float) -> str:
        counts = self.counts.get(self._class_of(found))
        if not counts:
            return ", ".join(found.labels) or self.labels[int(found.probs.argmax())]
        ranked = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
        if rng is None or temperature == 0:
            return ranked[0][0]
        weights = [(count / ranked[0][1]) ** (1 / temperature) for _, count in ranked]
        return rng.choices([text for text, _ in ranked], weights)[0]

    def _class_of(self, found: Classification) -> tuple[str, ...]:
        own = tuple(sorted(found.labels))
        if self.exclusive or own in self.counts or not self.counts:
            return own
        odds = found.probs.clamp(1e-6, 1 - 1e-6).logit().tolist()
        by_label = dict(zip(self.labels, odds, strict=True))
        return max(sorted(self.counts), key=lambda labels: sum(by_label[label] for label in labels))


class GrammarSentences:
    """Complete sentences about the scene that the labels, and where their evidence lies, speak of."""

    reads_captions = False

    def __init__(self, data_spec: DataSpec, language: str) -> None:
        assert data_spec.world is not None
        self.labels, self.language = data_spec.labels, language
        self.scenes = SceneSentences(data_spec.world, language)

    def read(self, labels: Sequence[str], captions: Iterable[str]) -> None:
        """It knows its sentences."""

    def sentences(
        self, classifier: Any, images: Images, found: Sequence[Classification], rngs: Rngs, temperature: float
    ) -> list[str]:
        evidence = classifier.evidence(images).cpu()
        draws = rngs is not None and temperature > 0
        return [
            self.scenes.sentence(self.scene(one, shares), rngs[place] if draws and rngs else Random(0))
            for place, (one, shares) in enumerate(zip(found, evidence, strict=True))
        ]

    def scene(self, found: Classification, evidence: Float[Tensor, "labels rows columns"]) -> Any:
        """The scene that the classifier has seen, as far as it can be told."""
        places, spreads = centres(evidence)
        probs = dict(zip(self.labels, found.probs.tolist(), strict=True))
        as_places = [dict(zip(self.labels, map(tuple, values.tolist()), strict=True)) for values in (places, spreads)]
        return self.scenes.scene(probs, *as_places)

    def unheard(self) -> list[str]:
        return []

    def to_dict(self) -> dict[str, Any]:
        return {"language": self.language}

    def from_dict(self, values: Mapping[str, Any]) -> None:
        """It has read nothing."""


def centres(
    evidence: Float[Tensor, "labels rows columns"],
) -> tuple[Float[Tensor, "labels 2"], Float[Tensor, "labels 2"]]:
    """The mean x and y of each label's evidence as shares of the side, and the standard deviations."""
    means, deviations = [], []
    for along in (evidence.sum(dim=1), evidence.sum(dim=2)):  # columns lie along x, rows along y
        at = (torch.arange(along.shape[1], dtype=along.dtype) + 0.5) / along.shape[1]
        mean = along @ at
        means.append(mean)
        deviations.append((along @ at.square() - mean.square()).clamp(min=0).sqrt())
    return torch.stack(means, 1), torch.stack(deviations, 1)
