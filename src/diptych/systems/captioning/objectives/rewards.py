"""Rewards: how good a sampled caption of an image is, as one number.

A reward sees tokens up to and including the first <eos>, and no padding. It is a component inside an objective's
configuration, `caption_objective.reward`.
"""

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diptych.metrics.caption_truth import caption_truth
from diptych.metrics.captions.cider_of_ids import IdWeights, cider_of_ids
from diptych.text import tokenizer_of
from diptych.types import EOS_ID, PAD_ID, SPECIAL_TOKENS, Batch, DataSpec, Tokens, TrainingCaptions

REMEMBERED = 1 << 18


class Reward(Protocol):
    """From captions to rewards; the larger the better."""

    def begin(self, training_captions: TrainingCaptions) -> None:
        """Called once before the first step of every start, also after a resume."""

    def __call__(self, tokens: Tokens, batch: Batch) -> Float[Tensor, " rows"]:
        """The reward of each caption of the batch's images, k rows per image side by side."""
        ...


class CiderReward(Reward):
    """CIDEr-D against all references of an image, from 0 to 10 (Rennie et al. 2017, arXiv:1612.00563).

    N-grams are weighed by the captions of the training set; of endless data, by those of the first
    `document_frequency_images`. <eos> is a word of captions and references, so that a caption that breaks off misses
    it. References keep all their words: one that is not in the vocabulary is no `<unk>`, and can never be said. So
    `<unk>` is as a wrong word and earns nothing.
    """

    def __init__(self, *, data_spec: DataSpec, document_frequency_images: int = 10_000) -> None:
        if document_frequency_images < 2:
            raise ValueError(
                f"caption_objective.reward.document_frequency_images={document_frequency_images}: CIDEr-D weighs words "
                "by how many of several images have them; give at least 2"
            )
        self.document_frequency_images = document_frequency_images
        self._split = tokenizer_of(data_spec).split
        words = data_spec.vocabulary[len(SPECIAL_TOKENS) :]
        self._ids = {word: number for number, word in enumerate(words, start=len(SPECIAL_TOKENS))}
        self._encoded = lru_cache(maxsize=REMEMBERED)(self._encode)
        self.weights: IdWeights | None = None

    def begin(self, training_captions: TrainingCaptions) -> None:
        captions = training_captions(self.document_frequency_images)
        self.weights = IdWeights.of([self._encode(text) for text in texts] for texts in captions)
        if not self.weights.rarest:
            raise ValueError(
                "caption_objective.reward: CIDEr-D of a training set of one image is always 0; give more images, or "
                "choose another reward"
            )

    def __call__(self, tokens: Tokens, batch: Batch) -> Float[Tensor, " rows"]:
        assert self.weights is not None, "begin has counted the training captions"
        references = [[self._encoded(text) for text in texts] for texts in batch.references]
        captions = tokens.cpu().numpy()
        scores = cider_of_ids(captions, (captions != PAD_ID).sum(axis=1), references, self.weights)
        return torch.from_numpy(scores).to(tokens.device)

    def _encode(self, text: str) -> tuple[int, ...]:
        """Its words as ids, then <eos>; words beyond the vocabulary have ids of their own beyond its ids."""
        ids = self._ids
        return (*(ids.setdefault(word, len(ids) + len(SPECIAL_TOKENS)) for word in self._split(text)), EOS_ID)


class TruthReward(Reward):
    """How true a caption is of its exact scene, read by the world's grammar; for data that have a world.

    `exact_weight` times 1 for a true sentence that says all there is, plus `facts_weight` times the F1 of its facts. A
    sentence outside the grammar earns nothing, and so does one with an `<unk>`.
    """

    def __init__(self, *, data_spec: DataSpec, exact_weight: float = 1.0, facts_weight: float = 1.0) -> None:
        if data_spec.world is None:
            raise ValueError(
                f"caption_objective.reward: data {data_spec.name} have no exact scenes; choose "
                "caption_objective=self_critical, whose reward compares with references"
            )
        self.exact_weight, self.facts_weight = exact_weight, facts_weight
        self._tokenizer = tokenizer_of(data_spec)
        self._languages = tuple(data_spec.languages)

    def __call__(self, tokens: Tokens, batch: Batch) -> Float[Tensor, " rows"]:
        number = len(tokens) // len(batch)
        known: dict[tuple[int, str], float] = {}
        rewards = np.zeros(len(tokens))
        for row, ids in enumerate(tokens.tolist()):
            key = row // number, self._tokenizer.decode(ids)
            if key not in known:
                known[key] = self._of(key[1], batch, key[0])
            rewards[row] = known[key]
        return torch.from_numpy(rewards).to(tokens.device)

    def _of(self, caption: str, batch: Batch, image: int) -> float:
        scene = batch.scenes[image]
        assert scene is not None, "data with a world have a scene of every image"
        truth = caption_truth(caption, scene, self._languages)
        return self.exact_weight * truth.exact + self.facts_weight * truth.facts
