"""Autoencoders: an encoder, a bottleneck and a decoder learn to make images again.

What lies between says which autoencoder it is: nothing (a plain one), Gaussian noise (the KL autoencoder of latent
diffusion, arXiv:2112.10752), a codebook (VQ-VAE, arXiv:1711.00937) or rounded numbers (FSQ, arXiv:2309.15505). It
reads no sentences. Other runs borrow it to learn in its latents or of its codes.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from diptych.systems.autoencoding.bottlenecks.base import Bottleneck
from diptych.systems.autoencoding.coding import CodesImages
from diptych.systems.autoencoding.quality import ReconstructionQuality
from diptych.systems.base import Choice, Figures
from diptych.systems.devices import draw_normal
from diptych.systems.image_terms import AsksTerms
from diptych.systems.likelihoods import Likelihood
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.systems.terms.base import Term, without_repeats
from diptych.systems.terms.steps import ImageStep
from diptych.types import Batch, DataSpec, Images

EXAMPLES = 8


class Autoencoder(CodesImages, AsksTerms):
    """Images to latents and back; with a bottleneck that has codes, to codes and back.

    The loss is the `likelihood`'s nats a value, those of the bottleneck, likewise over the values of an image, and
    terms that compare an image with what is made of it (perceptual). `latent_size` and `latent_channels` are the
    latents' grid.
    """

    learns_from_pictures_alone = True

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        encoder: Any,
        bottleneck: Bottleneck,
        decoder: nn.Module,
        likelihood: Likelihood,
        optimizer: MakeOptimizer,
        terms: Mapping[str, Term] | None = None,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        self.encoder, self.bottleneck, self.decoder = encoder, bottleneck, decoder
        self.make_optimizer = optimizer
        self.likelihood: Any = likelihood
        self.keep_terms(terms)
        self.quality = ReconstructionQuality(data_spec)
        self._examples: Images | None = None

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse terms that have nothing to say of images made again, before any data are loaded."""
        for key in choice.terms:
            if "text" in getattr(choice.on_trial(f"terms.{key}"), "needs", ()):
                raise ValueError(
                    f"terms.{key} needs sentences, and an autoencoder reads none: drop it with ~terms.{key}"
                )
        cls.check_terms(choice)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch))
        self.turn += 1
        images = batch.images
        if self.bottleneck.awaits_a_start:
            self._begin(images)
        noise = self._noise(len(images)).to(images)
        with self.step_of("") as step:
            for part in self.micro_batches(images, noise):
                losses, weights = self._losses(*part.inputs)
                step.add(losses, weights, share=part.share)
        figures: Figures = step.figures | dict(self.bottleneck.after_step(self.rng))
        self.log_metrics("train", figures)

    def configure_optimizers(self) -> Optimizer:
        rest = [(network, 1.0) for network in (self.bottleneck, self.decoder, self.likelihood)]
        return optimizer_for(self.make_optimizer, self.encoder, *rest, *self.helpers_of_terms)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        sentences = batch.pick(0).texts if self.data_spec.world else ()
        self.quality.update(batch.images, self.reconstruct(batch.images), sentences)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def sample_grid(self) -> tuple[Images, tuple[str, ...]]:
        """The same few validation images throughout a run, and below what is made of them."""
        if self._examples is None:
            batch = self.trainer.datamodule.example_batch()  # pyright: ignore[reportAttributeAccessIssue]
            self._examples = batch.images[:EXAMPLES]
        images: Images = self._examples.to(self.device)  # pyright: ignore[reportOptionalMemberAccess]
        captions = ("images",) * len(images) + ("made again",) * len(images)
        return torch.cat([images, self.reconstruct(images)]), captions

    def _losses(self, images: Images, noise: Tensor) -> tuple[dict[str, Tensor], dict[str, float]]:
        """One value an image of every loss, over the number of its values; and their weights."""
        squeezed = self.bottleneck(self.encoder(images), noise)
        made = self.decoder(squeezed.latents)
        values = images[0].numel()
        nats = {"reconstruction_loss": self.likelihood(made, images), **squeezed.nats}
        own = {name: loss / values for name, loss in nats.items()} | dict(squeezed.losses)
        weights = dict(self.bottleneck.weights)
        step = ImageStep(images, made, None, None, self.rng, self.turn, images_seen=self.images_seen)
        of_terms, their_weights = self.losses_of_images(step)
        return without_repeats(own, of_terms), weights | their_weights

    @torch.no_grad()
    def _begin(self, images: Images) -> None:
        features = torch.cat([self.encoder(part.inputs[0]) for part in self.micro_batches(images)])
        self.bottleneck.begin(features, self.rng)

    def _noise(self, number: int) -> Tensor:
        channels: int = self.bottleneck.noise_channels
        return draw_normal(number, channels, self.latent_size, self.latent_size, rng=self.rng)
