"""Captioning: an image encoder and a caption decoder learn together to describe images.

Show and Tell (Vinyals et al. 2015, arXiv:1411.4555), or Show, Attend and Tell (Xu et al. 2015, arXiv:1502.03044) with a
decoder that attends. The caption objective says what they learn by. Each image is encoded once for all its captions.
Progress counts image-caption pairs.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from diptych.decoding import decode, greedy
from diptych.losses.captioning import token_nll
from diptych.models.noise import PixelNoise
from diptych.systems.base import System
from diptych.systems.captioning.networks import NetworkSpeaker
from diptych.systems.captioning.objectives import CaptionObjective, CaptionStep, WholeBatch, check_helpers
from diptych.systems.captioning.quality import CaptioningQuality
from diptych.systems.devices import mean_over_devices, own_rank
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.systems.training_captions import training_captions
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec, Images

NUM_EXAMPLES = 16
_log = logging.getLogger(__name__)


class Captioner(NetworkSpeaker, System):
    """An image encoder and a caption decoder, trained by a caption objective.

    `schedule` multiplies the learning rate (None: constant); the encoder's is `image_encoder_lr_multiplier` times the
    decoder's. `max_grad_norm` clips the gradient of all networks together, the objective's helpers included.

    `pixel_noise` is the largest standard deviation of noise on training images, for a captioner that generators learn
    from: its gradients then show shapes. The noise grows from zero over the first `noise_warmup_images`, because shapes
    are learned faster from clean images.
    """

    SHARDED = ("image_encoder", "caption_decoder")
    reads_cached_features = True

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        caption_decoder: nn.Module,
        caption_objective: CaptionObjective,
        optimizer: MakeOptimizer,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        pixel_noise: float = 0.0,
        noise_warmup_images: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_helpers(caption_objective)
        self.image_encoder, self.caption_decoder = image_encoder, caption_decoder
        self.caption_objective: Any = caption_objective
        self.tokenizer = tokenizer_of(data_spec)
        self.make_optimizer = optimizer
        self.image_encoder_lr_multiplier = image_encoder_lr_multiplier
        self.pixel_noise, self.noise_warmup_images = pixel_noise, noise_warmup_images
        self.noise = PixelNoise(varies=True)
        self.quality = CaptioningQuality(data_spec)
        self._examples: tuple[Images, Sequence[Sequence[str]]] | None = None

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.caption_objective.helpers() and any(isinstance(weight, DTensor) for weight in self.parameters()):
            raise ValueError(
                f"trainer=fsdp: {type(self.caption_objective).__name__} trains networks of its own, which are not "
                "sharded; use trainer=ddp"
            )
        name = type(self.caption_objective).__name__
        if self.caption_objective.wants_warm_start and not (self.images_seen or self.is_warm) and not own_rank():
            _log.warning(
                "caption_objective: %s starts from networks that have learned nothing, which is unusual: it improves a "
                "captioner that can already caption; name one with init_from=RUN "
                "init_parts=[image_encoder,caption_decoder]",
                name,
            )
        asker = f"caption_objective: {name}"
        self.caption_objective.begin(training_captions(self.trainer, self.data_spec, asker))

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch) * batch.tokens.shape[1])
        self.noise.std = self.pixel_noise * min(1.0, self.images_seen / max(1, self.noise_warmup_images))
        objective = self.caption_objective
        with self.step_of("") as step:
            for part in self.micro_batches(self._step(batch)):
                (seen,) = part.inputs
                step.add(objective.losses(seen), objective.weights, share=part.share, figures=seen.figures)
        self.log_metrics("train", step.figures)

    @property
    def warmups(self) -> Mapping[str, int]:
        noise = {"system.noise_warmup_images": self.noise_warmup_images} if self.pixel_noise else {}
        return noise | dict(self.caption_objective.warmups)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        image_encoder = (self.image_encoder, self.image_encoder_lr_multiplier)
        return optimizer_for(
            self.make_optimizer, self.caption_decoder, image_encoder, *self.caption_objective.helpers()
        )

    def example_captions(self) -> tuple[Images, tuple[str, ...], Sequence[Sequence[str]]]:
        """The same few validation images throughout a run, their captions by now, and their references."""
        if self._examples is None:
            batch = self.trainer.datamodule.example_batch()  # pyright: ignore[reportAttributeAccessIssue]
            self._examples = batch.images[:NUM_EXAMPLES], batch.references[:NUM_EXAMPLES]
        images, references = self._examples
        captions = self.caption(images.to(self.device))
        return images, tuple(caption.text for caption in captions), references

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        tokens, num_tokens = batch.tokens.flatten(0, 1), batch.token_mask[..., 1:].sum()
        features = batch.features or self.features(batch.images)
        logits, _ = self.caption_decoder(features, tokens[:, :-1])
        nll = token_nll(logits, tokens[:, 1:]).sum() / num_tokens
        decoded = decode(self.caption_decoder, features, greedy, max_length=self._max_length)
        captions = [self.tokenizer.decode(row) for row in decoded.tokens.tolist()]
        self.quality.update(nll, num_tokens, captions, batch)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    @property
    def _max_length(self) -> int:
        """Captions are at most as long as those of the data; <bos> does not count."""
        return self.data_spec.max_length - 1

    def _step(self, batch: Batch) -> CaptionStep:
        return CaptionStep(
            batch=batch,
            images=self.noise(batch.images),
            num_tokens=mean_over_devices(batch.token_mask[..., 1:].sum()),
            image_encoder=self.image_encoder,
            caption_decoder=self.caption_decoder,
            tokenizer=self.tokenizer,
            images_seen=self.images_seen,
            max_length=self._max_length,
            system_rng=self.rng,
            whole=WholeBatch(batch),
        )
