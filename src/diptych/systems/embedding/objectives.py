"""Embedding objectives: from a batch of pairs to their losses.

An objective is one class and one file in `conf/embedding_objective`. It compares every image of the joint batch with
every sentence; a sentence that is true of another image is no negative of it. Its weights (a temperature, a projection
of regions) learn with the encoders.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from diptych.losses.contrastive import cosine_similarities, matching_loss
from diptych.losses.word_regions import word_region_scores
from diptych.systems.devices import gather, gather_ragged, own_share
from diptych.types import ImageFeatures, TextFeatures

SENTENCE_LOSS, WORD_LOSS = "sentence_loss", "word_loss"


@dataclass(frozen=True)
class Pairs:
    """Images of this device's share, each with a sentence, as the encoders see them.

    The vectors are projections into the one space, of any length. `compatible[i, j]` is of the joint batch: sentence j
    is true of image i, or may be.
    """

    image: ImageFeatures
    text: TextFeatures
    image_vectors: Float[Tensor, "batch dim"]
    text_vectors: Float[Tensor, "batch dim"]
    compatible: Bool[Tensor, "joint joint"]


class EmbeddingObjective(nn.Module):
    """How an embedding learns: losses by the name under which they are logged, one value a pair of the own share."""

    couples_examples = True
    weights: Mapping[str, float] = MappingProxyType({})
    """The weight of a loss by its name; 1 where there is none."""
    compares: ClassVar[tuple[str, ...]] = (SENTENCE_LOSS,)
    """The names of its losses."""

    def losses(self, pairs: Pairs) -> Mapping[str, Float[Tensor, " batch"]]:
        """Each loss of each own pair, among all of the joint batch."""
        raise NotImplementedError

    def figures(self) -> Mapping[str, Tensor | float]:
        """What else to log of a step."""
        return {}


class Contrastive(EmbeddingObjective):
    """Symmetric InfoNCE over the joint batch, with a temperature that learns (CLIP, arXiv:2103.00020).

    `temperature` is that of the beginning. It never falls below `least_temperature`, the article's bound, beyond which
    the loss is unstable. `learns_temperature=False` keeps it as it is.
    """

    def __init__(
        self, *, temperature: float = 0.07, least_temperature: float = 0.01, learns_temperature: bool = True
    ) -> None:
        super().__init__()
        if not 0 < least_temperature <= temperature:
            raise ValueError(
                f"embedding_objective.temperature={temperature}: give at least least_temperature={least_temperature}, "
                "and both more than 0"
            )
        self.least_temperature = least_temperature
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)), requires_grad=learns_temperature)

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """Cosines are divided by it."""
        return (-self.log_scale).exp()

    def losses(self, pairs: Pairs) -> Mapping[str, Float[Tensor, " batch"]]:
        with torch.no_grad():
            self.log_scale.clamp_(max=-math.log(self.least_temperature))
        return {SENTENCE_LOSS: _sentence_loss(pairs, 1 / self.temperature)}

    def figures(self) -> Mapping[str, Tensor | float]:
        return {"temperature": self.temperature.detach()}


class WordRegions(EmbeddingObjective):
    """DAMSM: sentences match images, and words match regions (Xu et al. 2018, arXiv:1711.10485, equations 7 to 14).

    Regions are brought into the space of the words by a linear map. `gamma1` sharpens the attention of words, `gamma2`
    the soft maximum over a sentence's words, and `gamma3` the softmax over the batch, of words and of whole sentences.
    Each loss is the mean of its two directions, where the article has their sum.
    """

    compares = (SENTENCE_LOSS, WORD_LOSS)

    def __init__(
        self,
        *,
        region_dim: int,
        word_dim: int,
        gamma1: float = 5.0,
        gamma2: float = 5.0,
        gamma3: float = 10.0,
        sentence_weight: float = 1.0,
        word_weight: float = 1.0,
    ) -> None:
        super().__init__()
        for name, value in (("gamma1", gamma1), ("gamma2", gamma2), ("gamma3", gamma3)):
            if value <= 0:
                raise ValueError(f"embedding_objective.{name}={value}: give a positive number")
        self.gamma1, self.gamma2, self.gamma3 = gamma1, gamma2, gamma3
        self.weights = {SENTENCE_LOSS: sentence_weight, WORD_LOSS: word_weight}
        self.region_projection = nn.Linear(region_dim, word_dim, bias=False)

    def losses(self, pairs: Pairs) -> Mapping[str, Float[Tensor, " batch"]]:
        scores = word_region_scores(
            gather(self.region_projection(pairs.image.regions)),
            gather_ragged(pairs.text.words),
            gather_ragged(pairs.text.mask),
            gamma1=self.gamma1,
            gamma2=self.gamma2,
        )
        words = own_share(matching_loss(self.gamma3 * scores, pairs.compatible))
        return {SENTENCE_LOSS: _sentence_loss(pairs, self.gamma3), WORD_LOSS: words}


def _sentence_loss(pairs: Pairs, scale: float | Tensor) -> Float[Tensor, " batch"]:
    """Of whole sentences: cosines times a scale, which is one over a temperature."""
    cosines = cosine_similarities(gather(pairs.image_vectors), gather(pairs.text_vectors))
    return own_share(matching_loss(scale * cosines, pairs.compatible))
