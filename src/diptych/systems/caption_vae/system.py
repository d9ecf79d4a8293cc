"""A conditional variational autoencoder of captions (Wang et al. 2017, arXiv:1711.07068; Sohn et al. 2015).

A caption x of an image y is decoded from latents z beside the pooled image vector, which every caption decoder reads.
What is learned from is the bound E_q[log p(x | z, y)] - beta KL(q(z | x, y) || p(z | y)), with beta `kl_weight`; each
of an image's captions has latents of its own. Nats are summed over tokens and over latents, and the whole is divided by
the number of tokens, so that `kl_weight` 1 is the bound per token, and 0 leaves the cross-entropy alone.

Latents that may say something for free from the first step on say what the image shows, which the encoder then need not
learn to see. So they may begin to speak later (`latents_after_images`), when what is left to say is the wording.

A caption is decoded from the prior's mean; one that is drawn takes the likeliest words of drawn latents, so that what
differs between samples comes from the latents.
"""

import logging
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchmetrics import MeanMetric

from diptych.losses.variational import gaussian_kl_between
from diptych.systems.base import Choice
from diptych.systems.caption_vae.speaking import LatentSpeaker, lengths_of
from diptych.systems.caption_vae.step import LatentCaptionStep
from diptych.systems.captioning.objectives import CaptionObjective, CaptionStep
from diptych.systems.captioning.system import Captioner
from diptych.systems.devices import draw_normal, own_rank
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.systems.vae.activity import LatentActivity
from diptych.systems.vae.kl import check_kl_settings, counted_nats, growth
from diptych.types import BOS_ID, Batch, DataSpec, ImageFeatures

COLLAPSE = (
    "posterior collapse: the latents say nothing of the caption ({nats:.2f} nats), so that all samples of an image are "
    "alike; lower system.kl_weight, or set system.free_nats or system.kl_warmup_images"
)
LEAST_NATS = 0.1
"""Mean divergence of a caption's latents from the prior, below which they say nothing."""
_log = logging.getLogger(__name__)


class CaptionVAE(LatentSpeaker, Captioner):
    """A captioner with a `latent_encoder` q(z | x, y) and a `latent_prior` p(z | y).

    `kl_weight` is per nat of the latents, after it has grown over `kl_warmup_images`. A latent whose mean cost over the
    batch is below `free_nats` is not pressed further; with `micro_batch_size`, over a part of the batch, and the run
    says so. The first `latents_after_images` pairs are decoded from the prior's mean, and cost no nats. All else is as
    in `Captioner`; there is no pixel noise.
    """

    SHARDED = ()
    reads_cached_features = False

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        caption_decoder: nn.Module,
        latent_encoder: nn.Module,
        latent_prior: nn.Module,
        caption_objective: CaptionObjective,
        optimizer: MakeOptimizer,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
        kl_weight: float = 1.0,
        kl_warmup_images: int = 0,
        free_nats: float = 0.0,
        latents_after_images: int = 0,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            image_encoder=image_encoder,
            caption_decoder=caption_decoder,
            caption_objective=caption_objective,
            optimizer=optimizer,
            schedule=schedule,
            image_encoder_lr_multiplier=image_encoder_lr_multiplier,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_kl_settings(kl_weight=kl_weight, kl_warmup_images=kl_warmup_images, free_nats=free_nats)
        _check_start(latents_after_images)
        self.latent_encoder, self.latent_prior = latent_encoder, latent_prior
        self.kl_weight, self.kl_warmup_images, self.free_nats = kl_weight, kl_warmup_images, free_nats
        self.latents_after_images = latents_after_images
        self.activity, self.divergence = LatentActivity(), MeanMetric()
        _check_reads_pooled(caption_decoder, image_encoder, self.latent_prior.conditioned_dim)

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse settings that no step could follow, before any data are loaded."""
        check_kl_settings(**choice.settings)
        _check_start(choice.settings.get("latents_after_images", 0))

    @property
    def couples_examples(self) -> bool:
        """Whether a loss looks at several captions at once: free bits do."""
        return bool(self.free_nats)

    @property
    def warmups(self) -> Mapping[str, int]:
        grows = {"system.kl_warmup_images": self.latents_after_images + self.kl_warmup_images}
        begins = {"system.latents_after_images": self.latents_after_images}
        return (grows if self.kl_warmup_images else {}) | (begins if self.latents_after_images else {})

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        number = batch.tokens.shape[1]
        self.count_images(len(batch) * number)
        noise = draw_normal(len(batch), number, self.latent_prior.latent_dim, rng=self.rng).to(batch.images)
        weights = {**self.caption_objective.weights, "kl_loss": self._kl_weight_now()}
        with self.step_of("") as step:
            for part in self.micro_batches(self._step(batch), noise):
                losses, figures = self._losses(*part.inputs)
                step.add(losses, weights, share=part.share, figures=figures)
        self.log_metrics("train", step.figures)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        helpers = [(self.image_encoder, self.image_encoder_lr_multiplier), *self.caption_objective.helpers()]
        latents = [(network, 1.0) for network in (self.latent_encoder, self.latent_prior)]
        return optimizer_for(self.make_optimizer, self.caption_decoder, *latents, *helpers)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        tokens, num_tokens = batch.tokens.flatten(0, 1), batch.token_mask[..., 1:].sum()
        nats, means = self.latent_nats(batch.images, tokens)
        nll = self.negative_log_likelihood(batch.images, tokens) * lengths_of(tokens[:, 1:])
        captions = [caption.text for caption in self.caption(batch.images)]
        self.quality.update(nll.sum() / num_tokens, num_tokens, captions, batch)
        self.divergence.update(nats)
        self.activity.update(means)

    def on_validation_epoch_end(self) -> None:
        nats, active = float(self.divergence.compute()), self.activity.compute()
        self.log_metrics("val", {"latent_nats": nats, "active_latents": float(active)})
        self.activity.reset()
        self.divergence.reset()
        super().on_validation_epoch_end()
        if nats < LEAST_NATS and self.images_seen > self.latents_after_images and not own_rank():
            _log.warning("after %s captions: %s", f"{self.images_seen:,}", COLLAPSE.format(nats=nats))

    def _losses(
        self, step: CaptionStep, noise: Float[Tensor, "images captions latent"]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the objective asks of captions decoded from their latents, and what the latents cost, per token."""
        posterior, prior = self._posterior_and_prior(step.features, step.tokens)
        latents = posterior.sample(noise.flatten(0, 1)) if self._latents_speak else prior.mean
        losses = dict(self.caption_objective.losses(LatentCaptionStep.of(step, step.features, latents)))
        kl = gaussian_kl_between(*posterior, *prior)
        losses["kl_loss"] = counted_nats(kl, self.free_nats).sum() / step.num_tokens
        return losses, {"latent_nats": kl.detach().sum(dim=1).mean()}

    def _kl_weight_now(self) -> float:
        if not self._latents_speak:
            return 0.0
        return self.kl_weight * growth(self.images_seen - self.latents_after_images, self.kl_warmup_images)

    @property
    def _latents_speak(self) -> bool:
        return self.images_seen > self.latents_after_images or not self.latents_after_images


def _check_start(latents_after_images: int) -> None:
    if latents_after_images < 0:
        raise ValueError(f"system.latents_after_images={latents_after_images}: give 0 (from the first) or more")


def _check_reads_pooled(decoder: Any, image_encoder: Any, conditioned_dim: int) -> None:
    """Refuse a decoder that never looks at the pooled vector, beside which the latents are."""
    weights = next(decoder.parameters())
    pooled = torch.zeros(1, conditioned_dim, dtype=weights.dtype, device=weights.device, requires_grad=True)
    regions = pooled.new_zeros(1, 1, image_encoder.region_dim)
    with torch.enable_grad(), evaluating(decoder):
        logits = decoder(ImageFeatures(pooled, regions), torch.full((1, 1), BOS_ID, device=weights.device)).logits
        if logits.requires_grad and torch.autograd.grad(logits.sum(), pooled, allow_unused=True)[0] is not None:
            return
    raise ValueError(
        f"caption_decoder: {type(decoder).__name__} does not read the pooled image vector, beside which "
        "system=caption_vae puts its latents; choose one that does, such as caption_decoder=lstm"
    )
