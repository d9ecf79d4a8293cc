"""Classification: an image encoder learns the labels that the data publish.

Data with exactly one label per image (digits) train a softmax classifier; other data (the kinds of objects in a scene)
train a multi-label one. Its features compare sets of images, and its labels are compared with the judge's readings;
they are never ground truth.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.losses.classification import class_nll, label_nll
from diptych.models.label_head import LabelHead
from diptych.models.noise import PixelNoise
from diptych.systems.base import Losses, System
from diptych.systems.classification.labels import Classification
from diptych.systems.classification.quality import ClassificationQuality
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.types import Batch, DataSpec, Images

NUM_EXAMPLES = 16


class Classifier(System):
    """An image encoder and a label head.

    `schedule` multiplies the learning rate (None: constant); the encoder's is `image_encoder_lr_multiplier` times the
    head's. `pixel_noise` is the largest standard deviation of noise on training images, for a classifier of generated
    images.
    """

    task = "classification"

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        optimizer: MakeOptimizer,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
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
        if not data_spec.labels:
            raise ValueError(
                f"system=classifier: data {data_spec.name} has no labels; choose scenes, digits, mnist or imagefolder"
            )
        self.image_encoder: Any = image_encoder
        self.label_head = LabelHead(
            image_dim=self.image_encoder.pooled_dim,
            region_dim=self.image_encoder.region_dim,
            num_labels=len(data_spec.labels),
        )
        self.nll = class_nll if data_spec.exclusive_labels else label_nll
        self.make_optimizer = optimizer
        self.image_encoder_lr_multiplier = image_encoder_lr_multiplier
        self.noise = PixelNoise(pixel_noise, varies=True)
        self.quality = ClassificationQuality(len(data_spec.labels))
        self._examples: tuple[Images, list[tuple[str, ...]]] | None = None

    def forward(self, images: Images) -> Float[Tensor, "batch labels"]:
        return self.label_head(self.image_encoder(images))

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch))
        inputs = (self.noise(batch.images), _labels(batch))
        self.log_metrics("train", self.optimize("", self._losses, of=inputs))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        image_encoder = (self.image_encoder, self.image_encoder_lr_multiplier)
        return optimizer_for(self.make_optimizer, self.label_head, image_encoder)

    @torch.no_grad()
    def classify(self, images: Images) -> list[Classification]:
        """The labels of each image, with their probabilities."""
        with evaluating(self.image_encoder, self.label_head):
            logits = self(images)
        probs = logits.softmax(dim=1) if self.data_spec.exclusive_labels else logits.sigmoid()
        rows = zip(self._predicted(logits).cpu(), probs.cpu(), strict=True)
        return [Classification(self._names(labels), row) for labels, row in rows]

    @torch.no_grad()
    def evidence(self, images: Images) -> Float[Tensor, "batch labels rows columns"]:
        """Where in each image the evidence of each label lies; the shares of a label sum to one."""
        with evaluating(self.image_encoder, self.label_head):
            shares = self.label_head.evidence(self.image_encoder(images))
        side = round(shares.shape[2] ** 0.5)
        return shares.unflatten(2, (side, side))

    def example_captions(self) -> tuple[Images, tuple[str, ...], list[tuple[str, ...]]]:
        """The same few validation images throughout a run, their predicted labels by now, and the true ones."""
        if self._examples is None:
            batch = self.trainer.datamodule.example_batch()  # pyright: ignore[reportAttributeAccessIssue]
            true = [(", ".join(self._names(row)),) for row in _labels(batch)[:NUM_EXAMPLES]]
            self._examples = batch.images[:NUM_EXAMPLES], true
        images, true = self._examples
        predicted = self.classify(images.to(self.device))
        return images, tuple(", ".join(one.labels) for one in predicted), true

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits, labels = self(batch.images), _labels(batch)
        self.quality.update(self.nll(logits, labels), self._predicted(logits), labels)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def _losses(self, images: Images, labels: Bool[Tensor, "batch labels"]) -> Losses:
        return {"loss": self.nll(self(images), labels)}

    def _predicted(self, logits: Float[Tensor, "batch labels"]) -> Bool[Tensor, "batch labels"]:
        """Labels with a probability above one half; the likeliest label where exactly one holds."""
        if self.data_spec.exclusive_labels:
            return F.one_hot(logits.argmax(dim=1), logits.shape[1]).bool()
        return logits > 0

    def _names(self, labels: Bool[Tensor, " labels"]) -> tuple[str, ...]:
        return tuple(self.data_spec.labels[i] for i in labels.nonzero()[:, 0].tolist())


def _labels(batch: Batch) -> Bool[Tensor, "batch labels"]:
    assert batch.labels is not None
    return batch.labels
