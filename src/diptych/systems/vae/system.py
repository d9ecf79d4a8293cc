"""A conditional variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114; Sohn et al. 2015).

The decoder is any generator of latents and a sentence; the encoder finds the latents of a real image, given its
sentence. Nats are summed over pixels and over latents, and the whole is divided by the number of an image's values, so
that `kl_weight` 1 is the bound on the likelihood whatever the size of the images. What images made again are besides
asked for are terms (`systems/terms`): feature distance, re-description.

A `latent_prior` is fitted to the latents of real images, given their sentences. It learns along with the rest, from
latents through which no gradient goes back: what a second stage would find, without one.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from diptych.losses.variational import flow_loss, gaussian_kl_by_latent, importance_bound, log_importance_weights
from diptych.systems.base import Choice, Figures
from diptych.systems.devices import draw_normal, draw_uniform, num_devices, own_rank
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.image_terms import AsksTerms
from diptych.systems.likelihoods import Likelihood
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.pairing import Prompts
from diptych.systems.schedules import Schedule
from diptych.systems.terms.base import Term, without_repeats
from diptych.systems.terms.steps import ImageStep
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.text_to_image import TextToImage
from diptych.systems.vae.activity import LatentActivity
from diptych.systems.vae.kl import check_kl_settings, counted_nats, growth
from diptych.systems.vae.sampling import DecoderSampler
from diptych.types import Batch, DataSpec, Images, TextFeatures

SAMPLES_OF_BOUND = 8
"""Of each validation image's latents; more make the bound tighter."""
_log = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """Real images and all that is drawn for them; it can be computed in parts."""

    images: Images
    prompts: Prompts | None
    noise: Float[Tensor, "batch latent"]
    prior_noise: Float[Tensor, "batch latent"]
    prior_times: Float[Tensor, " batch"]


class VAE(AsksTerms, DecoderSampler, TextToImage):
    """A `generator` as decoder and a `latent_encoder`; with a `latent_prior`, latents are drawn from what it learned.

    `kl_weight` is per nat of the latents, after it has grown over `kl_warmup_images`. A latent whose mean cost over the
    batch is below `free_nats` is not pressed further (free bits, arXiv:1606.04934); with `micro_batch_size`, over a
    part of the batch, and the run says so.
    """

    averaged: ClassVar[tuple[str, ...]] = (*DecoderSampler.averaged, "latent_encoder")

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        generator: nn.Module,
        latent_encoder: nn.Module,
        likelihood: Likelihood,
        optimizer: MakeOptimizer,
        latent_prior: nn.Module | None = None,
        terms: Mapping[str, Term] | None = None,
        text_encoder: nn.Module | None = None,
        text_lr_multiplier: float = 1.0,
        text_pretraining: TextPretraining | None = None,
        kl_weight: float = 1.0,
        kl_warmup_images: int = 0,
        free_nats: float = 0.0,
        ema_half_life_images: float | None = None,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            text_encoder=text_encoder,
            text_pretraining=text_pretraining,
            ema_half_life_images=ema_half_life_images,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_kl_settings(kl_weight=kl_weight, kl_warmup_images=kl_warmup_images, free_nats=free_nats)
        self.generator = generator
        self.latent_encoder, self.latent_prior = latent_encoder, latent_prior
        self.likelihood: Any = likelihood
        self.make_optimizer, self.text_lr_multiplier = optimizer, text_lr_multiplier
        self.kl_weight, self.kl_warmup_images, self.free_nats = kl_weight, kl_warmup_images, free_nats
        self.keep_terms(terms)
        self.activity, self.bound = LatentActivity(), MeanMetric()
        self.keep_averages()

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse settings and terms that do not go together, before any data are loaded."""
        check_kl_settings(**choice.settings)
        cls.check_terms(choice)

    @property
    def couples_examples(self) -> bool:
        """Whether a loss looks at several images at once: free bits do."""
        return bool(self.free_nats)

    @property
    def warmups(self) -> Mapping[str, int]:
        return {"system.kl_warmup_images": self.kl_warmup_images} if self.kl_warmup_images else {}

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.pretrain_or(self._step, batch)

    def configure_optimizers(self) -> Optimizer:
        own = [(network, 1.0) for network in (self.latent_encoder, self.latent_prior, self.likelihood)]
        text = (self.text_encoder, self.text_lr_multiplier)
        return optimizer_for(self.make_optimizer, self.generator, *own, text, *self.helpers_of_terms)

    @torch.no_grad()
    def reconstruct(self, images: Images, sentences: Sequence[str] | None = None) -> Images:
        """Images made again from the means of their latents; a sentence for each."""
        said, networks = self._one_for_each(sentences, len(images)), self.generating_networks(self.options())
        with evaluating(*networks.values()), self._one_call():
            text = self._read_by(networks, said)
            return networks["generator"](networks["latent_encoder"](images, text).mean, text).clamp(-1, 1)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        networks = self.generating_networks(self.options())
        with evaluating(*networks.values()), torch.no_grad():
            text = networks["text_encoder"](batch.pick(0)) if self.text_encoder else None
            posterior = networks["latent_encoder"](batch.images, text)
            self.activity.update(posterior.mean)
            self.bound.update(self._bound(networks["generator"], batch.images, posterior, text, batch_idx))

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        active = self.activity.compute()
        self.log_metrics("val", {"active_latents": float(active), "nats": self.bound.compute()})
        self.activity.reset()
        self.bound.reset()
        if not active and self.images_seen > self.warmup_images and not own_rank():
            _log.warning(
                "posterior collapse after %s images: no latent differs between images, so that images of a sentence "
                "are all alike; lower system.kl_weight, or set system.free_nats or system.kl_warmup_images",
                f"{self.images_seen:,}",
            )

    def _step(self, images: Images, prompts: Prompts | None) -> Figures:
        self.turn += 1
        with self.step_of("") as step:
            for part in self.micro_batches(*self._draw(images, prompts)):
                losses, weights, figures = self._losses(Drawn(*part.inputs))
                step.add(losses, weights, share=part.share, figures=figures)
        self.average_weights(len(images))
        return step.figures

    def _bound(
        self, generator: Any, images: Images, posterior: Any, text: TextFeatures | None, number: int
    ) -> Float[Tensor, " batch"]:
        """Nats a value that it takes to say each image: the bound of several samples of its latents."""
        places = range(own_rank(), num_devices() * len(images), num_devices())
        rngs = ImageRngs([("bound", place) for place in places], seed=number, device=images.device)
        weights = []
        for _ in range(SAMPLES_OF_BOUND):
            latents = posterior.sample(rngs.randn(posterior.mean.shape[1]))
            nll = self.likelihood(generator(latents, text), images)
            weights.append(log_importance_weights(nll, posterior.mean, posterior.log_variance, latents))
        return -importance_bound(torch.stack(weights)) / images[0].numel()

    def _draw(self, images: Images, prompts: Prompts | None) -> Drawn:
        """All that is drawn for the joint batch, before it is computed in parts."""
        number, latents = len(images), self.generator.latent_dim
        noise, prior_noise = (draw_normal(number, latents, rng=self.rng).to(images) for _ in range(2))
        return Drawn(images, prompts, noise, prior_noise, draw_uniform(number, rng=self.rng).to(images))

    def _losses(self, drawn: Drawn) -> tuple[dict[str, Tensor], dict[str, float], dict[str, Tensor]]:
        """One value an image of every loss, their weights, and what else to log."""
        images, text = drawn.images, self.read(drawn.prompts)
        posterior = self.latent_encoder(images, text)
        latents = posterior.sample(drawn.noise)
        made, values = self.generator(latents, text), images[0].numel()
        kl = gaussian_kl_by_latent(*posterior)
        losses = {
            "reconstruction_loss": self.likelihood(made, images) / values,
            "kl_loss": counted_nats(kl, self.free_nats) / values,
        }
        weights = {"kl_loss": self.kl_weight * growth(self.images_seen, self.kl_warmup_images)}
        if self.latent_prior is not None:
            losses["latent_prior_loss"] = self._of_prior(latents.detach(), text, drawn)
        step = ImageStep(images, made, drawn.prompts, text, self.rng, self.turn, images_seen=self.images_seen)
        of_terms, their_weights = self.losses_of_images(step)
        figures = {"latent_nats": kl.detach().sum(dim=1).mean()}
        return without_repeats(losses, of_terms), weights | their_weights, figures

    def _of_prior(
        self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None, drawn: Drawn
    ) -> Float[Tensor, " batch"]:
        """What the prior is wrong by, of latents and a sentence that do not learn from it."""
        assert self.latent_prior is not None
        told = text and TextFeatures(*(part.detach() for part in text))
        times, noise = drawn.prior_times, drawn.prior_noise
        noisy = torch.lerp(latents, noise, times[:, None])
        return flow_loss(self.latent_prior(noisy, times, told), latents, noise)
