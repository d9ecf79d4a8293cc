"""Generated images that a frozen embedding matches with their sentences (AttnGAN, Xu et al. 2018, arXiv:1711.10485)."""

from typing import Protocol

from jaxtyping import Bool
from torch import Tensor

from diptych.models.borrowed import Borrowed
from diptych.models.noise import PixelNoise
from diptych.systems.base import Losses as EmbeddingLosses
from diptych.systems.embedding.objectives import SENTENCE_LOSS, WORD_LOSS, EmbeddingObjective
from diptych.systems.terms.base import Losses, Term
from diptych.systems.terms.lenders import check_pictures, check_words
from diptych.systems.terms.steps import ImageStep
from diptych.types import DataSpec, Images

LOSSES = {SENTENCE_LOSS: "sentence_matching_loss", WORD_LOSS: "word_matching_loss"}
"""What the embedding's losses are called in a term."""
WEIGHTS = {SENTENCE_LOSS: "sentence_weight", WORD_LOSS: "word_weight"}


class FrozenEmbedding(Protocol):
    """What a generator needs of an embedding; `diptych.systems.embedding.system.ImageTextEmbedding` has it."""

    data_spec: DataSpec
    embedding_objective: EmbeddingObjective
    reads_any_text: bool

    def matching_losses(
        self, images: Images, sentences: tuple[str, ...], compatible: Bool[Tensor, "joint joint"]
    ) -> EmbeddingLosses:
        """One value a pair, by name."""
        ...


class WordRegionMatching(Term):
    """The loss that the embedding was trained with, of generated images and their sentences in the joint batch.

    `sentence_weight` weighs that of whole sentences, `word_weight` that of words and regions, which only an embedding
    of the objective `word_regions` has; a loss of weight 0 is not logged. Sentences that are true of another image of
    the batch are no negatives. The embedding reads the sentences with a tokenizer and a text encoder of its own, and
    sees the images through `pixel_noise`, a standard deviation. Without it (a run restored to generate) the term cannot
    train.
    """

    needs = ("text", "embedding")
    couples_examples = True

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        embedding: FrozenEmbedding | None = None,
        sentence_weight: float = 1.0,
        word_weight: float = 1.0,
        pixel_noise: float = 0.0,
        every: int = 1,
    ) -> None:
        super().__init__(every=every)
        self._weights = {SENTENCE_LOSS: sentence_weight, WORD_LOSS: word_weight}
        self.borrowed, self.noise = Borrowed(), PixelNoise(pixel_noise)
        if embedding is not None:
            self._check(embedding, data_spec)
            self.borrowed.lend(embedding.eval().requires_grad_(False))  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def weights(self) -> dict[str, float]:
        return {LOSSES[name]: weight for name, weight in self._weights.items()}

    def begin(self) -> None:
        if self.borrowed.network is None:
            raise ValueError("terms.word_region_matching needs an embedding: name its run in parts.embedding.run")

    def image_losses(self, step: ImageStep) -> Losses:
        assert step.prompts is not None
        losses = self.borrowed.network.matching_losses(
            self.noise(step.fake), step.prompts.sentences.texts, step.prompts.compatible
        )
        return {LOSSES[name]: losses[name] for name, weight in self._weights.items() if weight}

    def _check(self, embedding: FrozenEmbedding, data_spec: DataSpec) -> None:
        if not hasattr(embedding, "matching_losses"):
            raise ValueError(
                f"terms.word_region_matching: the {type(embedding).__name__} in parts.embedding is no embedding of "
                "images and sentences; name a run with parts.embedding.task=embedding"
            )
        check_pictures("embedding", embedding.data_spec, data_spec)
        if not embedding.reads_any_text:
            check_words("embedding", embedding.data_spec, data_spec)
        compared = embedding.embedding_objective.compares
        lacking = [name for name, weight in self._weights.items() if weight and name not in compared]
        if lacking:
            raise ValueError(
                f"terms.word_region_matching: the embedding was not trained with a {lacking[0]}; borrow one of "
                f"embedding_objective=word_regions, or set terms.word_region_matching.{WEIGHTS[lacking[0]]}=0"
            )
