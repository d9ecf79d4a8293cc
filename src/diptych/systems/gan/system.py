"""Generative adversarial networks, from latents alone or from sentences as well.

The training step is the box of Goodfellow et al. 2014 (arXiv:1406.2661): the discriminator learns from a real batch and
a generated one, then the generator learns from what the discriminator now says of the same generated images. Around it:
mismatched pairs (Reed et al. 2016, arXiv:1605.05396) whose sentences are wrong indeed, a contrastive image-text term
(Radford et al. 2021, arXiv:2103.00020), re-description by a frozen captioner (Qiao et al. 2019, arXiv:1903.05854), and
real pictures generated again from the latents that an encoder finds (Zhu et al. 2017, arXiv:1711.11586).

Who learns when: each network has its own text encoder, trained by its own optimiser (they start as equal copies). With
`separate_text_encoders=False` there is one, which learns with the generator and which the discriminator only reads.
With `pretraining_images` there is one as well: it learns before the first picture is generated, and both only read it.
Real and generated pictures go through the discriminator as separate batches, each with its own batch statistics.
"""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import cached
from torch.optim import Optimizer

from diptych.losses.adversarial import Objective, of_patches
from diptych.losses.contrastive import contrastive_loss
from diptych.models.frozen_backbone import share_backbone
from diptych.systems.base import Figures
from diptych.systems.devices import draw_normal, gather, gather_text, own_share
from diptych.systems.gan.fit import check_networks_fit
from diptych.systems.gan.pairing import Prompts, draw_prompts, rows_of, sample_mismatches
from diptych.systems.gan.terms.reconstruction import reconstruct
from diptych.systems.gan.terms.redescription import FrozenCaptioner, Redescription
from diptych.systems.gan.terms.requirements import check_terms
from diptych.systems.gan.text_pretraining import check_whitening_is_learned, pretraining_of
from diptych.systems.modes import frozen
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.systems.text_to_image import TextToImage
from diptych.types import Batch, DataSpec, Images, Logits, TextFeatures


class GAN(TextToImage):
    """Generator and discriminator, and the weights of what else they learn from (0: not at all).

    `mismatch_weight` is the share of the discriminator's negatives that are real pictures with a wrong sentence: at
    0.5 it weighs real : (generated + mismatched) / 2. `contrastive_weight` acts on real pictures in the discriminator's
    step, `generator_contrastive_weight` on generated ones in the generator's. `captioner` is a trained captioner whose
    `redescription_weight` is per nat and token. With a `latent_encoder`, the generator also learns to generate real
    pictures again: `reconstruction_weight` is per squared error of a value, `kl_weight` per nat. The generator learns
    at every `discriminator_steps`-th batch.
    """

    OPTIMIZERS = ("d", "g")
    discriminator: Any

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        generator: nn.Module,
        discriminator: nn.Module,
        objective: Objective,
        generator_optimizer: MakeOptimizer,
        discriminator_optimizer: MakeOptimizer,
        text_encoder: nn.Module | None = None,
        separate_text_encoders: bool = True,
        text_lr_multiplier: float = 1.0,
        latent_encoder: nn.Module | None = None,
        latent_lr_multiplier: float = 1.0,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        discriminator_steps: int = 1,
        mismatch_weight: float = 0.0,
        contrastive_weight: float = 0.0,
        generator_contrastive_weight: float = 0.0,
        contrastive_temperature: float = 0.1,
        captioner: FrozenCaptioner | None = None,
        redescription_weight: float = 0.0,
        redescription_noise: float = 0.0,
        patch_weight: float = 0.0,
        reconstruction_weight: float = 0.0,
        kl_weight: float = 0.0,
        latent_weight: float = 0.0,
        pretraining_images: int = 0,
        whitening_images: int = 3200,
        ema_half_life_images: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            generator=generator,
            text_encoder=text_encoder,
            ema_half_life_images=ema_half_life_images,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            seed=seed,
        )
        self.automatic_optimization = False
        self.discriminator, self.latent_encoder, self.objective = discriminator, latent_encoder, objective
        is_shared = pretraining_images or not separate_text_encoders
        self.discriminator_text_encoder = None if is_shared else copy.deepcopy(text_encoder)
        self.make_optimizers = (discriminator_optimizer, generator_optimizer)
        self.text_lr_multiplier, self.latent_lr_multiplier = text_lr_multiplier, latent_lr_multiplier
        self.discriminator_steps, self.discriminator_turns = discriminator_steps, 0
        self.mismatch_weight, self.contrastive_temperature = mismatch_weight, contrastive_temperature
        self.contrastive_weight, self.generator_contrastive_weight = contrastive_weight, generator_contrastive_weight
        self.redescription_weight, self.patch_weight = redescription_weight, patch_weight
        self.reconstruction_weight, self.kl_weight, self.latent_weight = reconstruction_weight, kl_weight, latent_weight
        check_terms(self.term_weights | {"mismatch_loss": mismatch_weight}, discriminator, text_encoder, latent_encoder)
        self.pretraining_images = pretraining_images
        self._borrow(captioner, redescription_noise, whitening_images)

    @property
    def term_weights(self) -> dict[str, float]:
        """Of what the networks learn from besides the objective, by the names under which it is logged."""
        return {
            "contrastive_loss": self.contrastive_weight,
            "generator_contrastive_loss": self.generator_contrastive_weight,
            "redescription_loss": self.redescription_weight,
            "d_patch_loss": self.patch_weight,
            "g_patch_loss": self.patch_weight,
            "reconstruction_loss": self.reconstruction_weight,
            "kl_loss": self.kl_weight,
            "latent_loss": self.latent_weight,
        }

    @property
    def warmup_images(self) -> int:
        """So many are seen before the generator learns anything."""
        return self.pretraining.images if self.pretraining else 0

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.trainer.precision == "16-mixed":
            raise ValueError("trainer.precision=16-mixed: two optimisers cannot share its loss scale; use bf16-mixed")
        if self.redescription_weight and not self.redescription:
            raise ValueError(
                "system.redescription_weight needs a frozen captioner: name its run in parts.captioner.run"
            )
        if self.pretraining_images and not self.pretraining:
            raise ValueError(
                "system.pretraining_images needs a text_encoder, and a captioner's run in parts.captioner.run"
            )
        if not self.pretraining_images:
            check_whitening_is_learned(self.text_encoder)
        if self.redescription:
            self.redescription.to(self.device)  # and with it the backbone: they are one object
        if self.pretraining and not self.images_seen:
            self.pretraining.begin()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        images_seen_before = self.images_seen
        self.count_images(len(batch))
        prompts = self._draw_prompts(batch)
        if self.pretraining and prompts and self.pretraining.goes_on(images_seen_before, self.images_seen):
            figures = self._pretrain(batch.images, prompts)
        else:
            figures = self._adversarial_step(batch.images, prompts)
        self.log_metrics("train", figures)

    def configure_optimizers(self) -> list[Optimizer]:
        """The discriminator's first; their order is part of every checkpoint."""
        make_discriminators, make_generators = self.make_optimizers
        discriminators_text = (self.discriminator_text_encoder, self.text_lr_multiplier)
        text, latent = (self.text_encoder, self.text_lr_multiplier), (self.latent_encoder, self.latent_lr_multiplier)
        return [
            optimizer_for(make_discriminators, self.discriminator, discriminators_text),
            optimizer_for(make_generators, self.generator, text, latent),
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["discriminator_turns"] = self.discriminator_turns

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.discriminator_turns = checkpoint["discriminator_turns"]

    def _borrow(self, captioner: FrozenCaptioner | None, redescription_noise: float, whitening_images: int) -> None:
        """What a captioner lends: its words, text pretraining and backbone."""
        spec, text_encoder = self.data_spec, self.text_encoder
        self.pretraining = pretraining_of(captioner, text_encoder, self.pretraining_images, whitening_images)
        self.redescription = Redescription(captioner, spec, redescription_noise) if captioner else None
        if share_backbone(captioner.image_encoder if captioner else None, self.discriminator, self.latent_encoder):
            check_networks_fit(spec, self.generator, self.discriminator, text_encoder, self.latent_encoder)

    def _pretrain(self, images: Images, prompts: Prompts) -> Figures:
        """A lesson of the text encoder alone; the last ones only measure what it learned."""
        assert self.pretraining is not None
        assert self.text_encoder is not None
        figures: Figures
        is_learning = self.pretraining.is_learning(self.images_seen)
        with torch.set_grad_enabled(is_learning):
            text = self.text_encoder(prompts.tokens, prompts.mask)
            loss = self.pretraining.loss(text, images)
        if is_learning:
            figures = self.optimize("g", {"pretraining_loss": loss}, schedule=self.pretraining.schedule)
        else:
            figures = {"pretraining_loss": loss.mean()}
            self.pretraining.look(text, self.images_seen)
        self.average_weights(len(images) * self.trainer.world_size)
        return figures

    def _adversarial_step(self, images: Images, prompts: Prompts | None) -> Figures:
        """A batch of the game: the discriminator's step, and the generator's where it is its turn."""
        self.discriminator_turns += 1
        generators_turn = self.discriminator_turns % self.discriminator_steps == 0
        with torch.set_grad_enabled(generators_turn):
            text = self._generators_text(prompts)
            latents = self._draw_latents(len(images))
            generated = self.generator(latents, text)
        figures = self._train_discriminator(images, generated.detach(), prompts, text)
        if generators_turn:
            terms = self._reconstruct(images, text, generated, latents)
            figures |= self._train_generator(generated, prompts, text, terms)
            self.average_weights(len(images) * self.trainer.world_size * self.discriminator_steps)
        return figures

    @cached()  # spectrally normalised weights are computed once a step, not once a pass
    def _train_discriminator(
        self, images: Images, generated: Images, prompts: Prompts | None, generators_text: TextFeatures | None
    ) -> Figures:
        text = self._discriminators_text(prompts, generators_text)
        features = self.discriminator.encode(images)
        real_logits = self._score(features, text)
        fake_features = self.discriminator.encode(generated)
        fake_logits = self._score(fake_features, text)
        figures: Figures = {"d_real": _probability(real_logits), "d_fake_before": _probability(fake_logits)}
        losses = {"d_loss": self.objective.discriminator(real_logits, fake_logits)}
        if prompts and text and self.mismatch_weight:
            partners = sample_mismatches(prompts.compatible, self.rng)
            mismatched_logits = self._score(features, rows_of(gather_text(text), partners.sentence))
            mismatch_loss = self.objective.discriminator(real_logits, mismatched_logits)
            losses["d_loss"] = losses["d_loss"].lerp(mismatch_loss, self.mismatch_weight * partners.exist.float())
            figures["d_mismatched"] = _probability(mismatched_logits)
        if self.patch_weight:
            real_patches = self.discriminator.patch_logits(features)
            fake_patches = self.discriminator.patch_logits(fake_features)
            losses["d_patch_loss"] = of_patches(self.objective.discriminator, real_patches, fake_patches)
        if prompts and text and self.contrastive_weight:
            losses["contrastive_loss"] = self._contrastive_loss(features, text, prompts)
        return figures | self.optimize("d", losses, self.term_weights)

    @cached()
    def _train_generator(
        self,
        generated: Images,
        prompts: Prompts | None,
        generators_text: TextFeatures | None,
        losses: dict[str, Float[Tensor, " batch"]],
    ) -> Figures:
        """One step down what the discriminator and the captioner say of the generated images, and the given losses."""
        with frozen(self.discriminator, self.discriminator_text_encoder):
            with torch.no_grad():
                text = self._discriminators_text(prompts, generators_text)
            features = self.discriminator.encode(generated)
            fake_logits = self._score(features, text)
            losses["g_loss"] = self.objective.generator(fake_logits)
            if self.patch_weight:
                patches = self.discriminator.patch_logits(features)
                losses["g_patch_loss"] = of_patches(self.objective.generator, patches)
            if prompts and text and self.generator_contrastive_weight:
                losses["generator_contrastive_loss"] = self._contrastive_loss(features, text, prompts)
            if prompts and self.redescription and self.redescription_weight:
                losses["redescription_loss"] = self.redescription(generated, prompts.tokens)
            return {"d_fake_after": _probability(fake_logits)} | self.optimize("g", losses, self.term_weights)

    def _reconstruct(
        self, images: Images, text: TextFeatures | None, generated: Images, latents: Float[Tensor, "batch latent"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        if self.latent_encoder is None:
            return {}
        return reconstruct(self.latent_encoder, self.generator, images, text, generated, latents, self.rng)

    def _draw_prompts(self, batch: Batch) -> Prompts | None:
        return draw_prompts(batch, self.data_spec, self.tokenizer, self.rng) if self.text_encoder else None

    def _draw_latents(self, number: int) -> Float[Tensor, "batch latent"]:
        return draw_normal(number, self.generator.latent_dim, rng=self.rng).to(self.device)

    def _generators_text(self, prompts: Prompts | None) -> TextFeatures | None:
        if self.text_encoder is None or prompts is None:
            return None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.pretraining is None):
            return self.text_encoder(prompts.tokens, prompts.mask)

    def _discriminators_text(
        self, prompts: Prompts | None, generators_text: TextFeatures | None
    ) -> TextFeatures | None:
        """Its own reading of the sentences, or the generator's to look at."""
        if prompts is None or generators_text is None:
            return None
        if self.discriminator_text_encoder is None:
            return TextFeatures(*(part.detach() for part in generators_text))
        return self.discriminator_text_encoder(prompts.tokens, prompts.mask)

    def _score(self, features: Any, text: TextFeatures | None) -> Logits:
        """In float32, whatever the networks compute in."""
        return self.discriminator.score(features, text).float()

    def _contrastive_loss(self, features: Any, text: TextFeatures, prompts: Prompts) -> Float[Tensor, " batch"]:
        """Of own pairs among those of the joint batch."""
        joint = contrastive_loss(
            gather(self.discriminator.embed(features)),
            gather(text.sentence),
            temperature=self.contrastive_temperature,
            compatible=prompts.compatible,
        )
        return own_share(joint)


def _probability(logits: Logits) -> Float[Tensor, ""]:
    """Mean D(.), for the record."""
    return logits.detach().sigmoid().mean()
