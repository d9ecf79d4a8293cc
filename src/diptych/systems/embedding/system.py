"""Embeddings of images and sentences: two encoders learn one space, in which what belongs together lies close.

As CLIP (Radford et al. 2021, arXiv:2103.00020) or, with the objective `word_regions`, as the DAMSM of AttnGAN (Xu et
al. 2018, arXiv:1711.10485). A trained one searches images by sentences and sentences by images, is a partner that
generators learn from (`parts.embedding`), and measures generators that did not learn from it (R-precision).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.noise import PixelNoise
from diptych.systems.base import Losses, System
from diptych.systems.embedding.objectives import EmbeddingObjective, Pairs
from diptych.systems.embedding.quality import EmbeddingQuality
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.pairing import Prompts, draw_prompts
from diptych.systems.schedules import Schedule
from diptych.systems.sentences import tokenized
from diptych.systems.training_captions import show_training_sentences
from diptych.systems.whitening import check_whitening_is_learned
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec, ImageFeatures, Images, Sentences, TextFeatures

NUM_EXAMPLES = 16


class ImageTextEmbedding(System):
    """An image encoder, a text encoder, and a linear map of each into a space of `embedding_dim`.

    One caption of each image is drawn for a step; sentences that are true of another image of the joint batch are no
    negatives of it. `schedule` multiplies the learning rate (None: constant), which is that of the linear maps; the
    encoders learn at their multiples of it. `pixel_noise` is the largest standard deviation of noise on training
    images, for an embedding that generators learn from.
    """

    task = "embedding"
    reads_cached_features = True

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        text_encoder: nn.Module,
        embedding_objective: EmbeddingObjective,
        optimizer: MakeOptimizer,
        embedding_dim: int = 128,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
        text_lr_multiplier: float = 1.0,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        pixel_noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        self.image_encoder: Any = image_encoder
        self.text_encoder: Any = text_encoder
        self.embedding_objective = embedding_objective
        self.projections = nn.ModuleDict(
            {
                "image": nn.Linear(self.image_encoder.pooled_dim, embedding_dim),
                "text": nn.Linear(self.text_encoder.sentence_dim, embedding_dim),
            }
        )
        self.tokenizer = tokenizer_of(data_spec)
        self.make_optimizer = optimizer
        self.image_encoder_lr_multiplier, self.text_lr_multiplier = image_encoder_lr_multiplier, text_lr_multiplier
        self.noise = PixelNoise(pixel_noise, varies=True)
        self.quality = EmbeddingQuality(data_spec)
        self._examples: Batch | None = None

    @property
    def reads_any_text(self) -> bool:
        """Whether the text encoder has its own tokenizer: then no word is unknown and no sentence too long."""
        return getattr(self.text_encoder, "reads_texts", False)

    def on_fit_start(self) -> None:
        super().on_fit_start()
        check_whitening_is_learned(self.text_encoder)
        show_training_sentences(self, self.trainer, self.data_spec, self.tokenizer)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch))
        prompts = draw_prompts(batch, self.data_spec, self.tokenizer, self.rng)
        inputs = (replace(batch, images=self.noise(batch.images)), prompts)
        figures = self.optimize("", self._losses, self.embedding_objective.weights, of=inputs)
        self.log_metrics("train", {**figures, **self.embedding_objective.figures()})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        encoders = (
            (self.image_encoder, self.image_encoder_lr_multiplier),
            (self.text_encoder, self.text_lr_multiplier),
        )
        return optimizer_for(self.make_optimizer, self.projections, (self.embedding_objective, 1.0), *encoders)

    @torch.no_grad()
    def embed_images(self, images: Images) -> Float[Tensor, "batch dim"]:
        """A vector of length 1 for each image, in float32."""
        with evaluating(self):
            return self._directed(self.image_encoder(images))

    @torch.no_grad()
    def embed_sentences(self, sentences: Sequence[str]) -> Float[Tensor, "batch dim"]:
        """A vector of length 1 for each sentence, in float32; words that the run never saw are read as <unk>."""
        with evaluating(self):
            return _directions(self.projections["text"](self.text_encoder(self._tokenized(sentences)).sentence))

    def matching_losses(
        self, images: Images, sentences: Sequence[str], compatible: Bool[Tensor, "joint joint"]
    ) -> Losses:
        """The objective's losses of images with their sentences, one value a pair; gradients reach the pixels.

        `compatible[i, j]` is of the joint batch: sentence j is true of image i, or may be.
        """
        with torch.no_grad():
            text = self.text_encoder(self._tokenized(sentences))
        return self.embedding_objective.losses(self._pairs(self.image_encoder(images), text, compatible))

    def example_captions(self) -> tuple[Images, tuple[str, ...], Sequence[Sequence[str]]]:
        """The same few validation images throughout a run, for each the best of a batch's sentences, and its own."""
        batch = self._examples or self.trainer.datamodule.example_batch()  # pyright: ignore[reportAttributeAccessIssue]
        self._examples = batch
        images, sentences = batch.images[:NUM_EXAMPLES], batch.pick(0).texts
        best = (self.embed_images(images.to(self.device)) @ self.embed_sentences(sentences).T).argmax(dim=1)
        return images, tuple(sentences[i] for i in best.tolist()), batch.references[:NUM_EXAMPLES]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        sentences = batch.pick(0).texts
        self.quality.update(self._embed(batch), self.embed_sentences(sentences), sentences, batch)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def _losses(self, batch: Batch, prompts: Prompts) -> Losses:
        features = batch.features or self.image_encoder(batch.images)
        pairs = self._pairs(features, self.text_encoder(prompts.sentences), prompts.compatible)
        return self.embedding_objective.losses(pairs)

    def _pairs(self, features: ImageFeatures, text: TextFeatures, compatible: Bool[Tensor, "joint joint"]) -> Pairs:
        vectors = self.projections["image"](features.pooled), self.projections["text"](text.sentence)
        return Pairs(features, text, *vectors, compatible)

    @torch.no_grad()
    def _embed(self, batch: Batch) -> Float[Tensor, "batch dim"]:
        """The vectors of a batch's images, in evaluation mode."""
        return self.embed_images(batch.images) if batch.features is None else self._directed(batch.features)

    def _directed(self, features: ImageFeatures) -> Float[Tensor, "batch dim"]:
        return _directions(self.projections["image"](features.pooled))

    def _tokenized(self, texts: Sequence[str]) -> Sentences:
        return tokenized(texts, self.tokenizer, max_length=self.data_spec.max_length, device=self.device)


def _directions(vectors: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
    return F.normalize(vectors.float(), dim=1)
