"""Generative adversarial networks, from latents alone or from sentences as well.

The training step is the box of Goodfellow et al. 2014 (arXiv:1406.2661): the discriminator learns from a real batch and
a generated one, then the generator learns from what the discriminator now says of the same images (and of the same
real ones, where an objective or a term needs "fresh_reals"; they count once in the budget). Negatives may also be real
images with a wrong sentence (Reed et al. 2016, arXiv:1605.05396). All else that the networks learn from is a term
(`systems/terms`, `systems/gan/terms`). The discriminator may see all images through augmentations
(`systems/gan/augmentations`), drawn anew for each time that it is shown them.

Who learns when: each network has its own text encoder, trained by its own optimiser (they start as equal copies). With
`separate_text_encoders=False` there is one, which learns with the generator and which the discriminator only reads.
With `text_pretraining` there is one as well: it learns before the first image is generated, and both only read it.
Real and generated images go through the discriminator as separate batches, each with its own batch statistics.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrize import cached
from torch.optim import Optimizer

from diptych.losses.adversarial import Objective, boundary_of
from diptych.models.frozen_backbone import has_backbones
from diptych.systems.base import Choice, Figures
from diptych.systems.devices import draw_normal, gather_text
from diptych.systems.gan.augmentations.base import Augmentation
from diptych.systems.gan.augmentations.views import UNCHANGED, Augmentations
from diptych.systems.gan.compatibility import Ingredients, check_ingredients, check_settings, tell_what_breaks
from diptych.systems.gan.figures import discriminator_figures, probability
from diptych.systems.gan.fit import check_networks_fit
from diptych.systems.gan.mismatches import Mismatched, sample_mismatches, wrong_sentences
from diptych.systems.gan.rounds import Drawn, Judged
from diptych.systems.gan.sampling import LatentSampler
from diptych.systems.gan.stages import detached, generated_in_stages
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep, GeneratorStep, Networks, Step
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.modes import frozen, still
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.pairing import Prompts, rows_of
from diptych.systems.schedules import Schedule
from diptych.systems.terms.base import Term, asked, without_repeats
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.text_to_image import TextToImage
from diptych.types import Batch, DataSpec, Images, TextFeatures

Collected = tuple[dict[str, Tensor], dict[str, float]]
"""Losses by name, and the weight of each."""
Means = dict[str, Tensor]
"""What else is logged of a micro-batch, by name."""


class GAN(LatentSampler, TextToImage):
    """Generator and discriminator, their objective, and the terms that they learn from besides.

    `mismatch_weight` is the share of the discriminator's negatives that are real images with a wrong sentence: at 0.5
    it weighs real : (generated + mismatched) / 2. The generator learns at every `discriminator_steps`-th batch. Text
    encoders learn at `text_lr_multiplier` times the rate of the networks that they serve.
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
        terms: Mapping[str, Term] | None = None,
        augmentations: Mapping[str, Augmentation] | None = None,
        text_encoder: nn.Module | None = None,
        separate_text_encoders: bool = True,
        text_lr_multiplier: float = 1.0,
        text_pretraining: TextPretraining | None = None,
        mismatch_weight: float = 0.0,
        discriminator_steps: int = 1,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        ema_half_life_images: float | None = None,
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
        self.generator, self.discriminator, self.objective = generator, discriminator, objective
        self.keep_averages()
        is_shared = text_pretraining or not separate_text_encoders
        self.discriminator_text_encoder = None if is_shared else copy.deepcopy(text_encoder)
        self.make_optimizers = (discriminator_optimizer, generator_optimizer)
        self.text_lr_multiplier = text_lr_multiplier
        self.discriminator_steps, self.discriminator_turns = discriminator_steps, 0
        self.mismatch_weight = mismatch_weight
        self.terms = nn.ModuleDict(dict(terms or {}))
        self.augmentations = Augmentations(dict(augmentations or {}))
        check_settings(mismatch_weight=mismatch_weight, discriminator_steps=discriminator_steps)
        self._check(data_spec)

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse terms, augmentations and mismatches that do not go together, before any data are loaded."""
        check_settings(**choice.settings)
        check_ingredients(Ingredients.of(choice))

    @property
    def steps_per_batch(self) -> float:
        return 1 + 1 / self.discriminator_steps

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.trainer.precision == "16-mixed":
            raise ValueError("trainer.precision=16-mixed: two optimisers cannot share its loss scale; use bf16-mixed")
        tell_what_breaks(self._ingredients())
        for term in self._terms():
            term.begin()

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.pretrain_or(self._adversarial_step, batch, "g")

    def configure_optimizers(self) -> list[Optimizer]:
        """The discriminator's first; their order is part of every checkpoint."""
        make_discriminators, make_generators = self.make_optimizers
        discriminators = [helper for term in self._gan_terms() for helper in term.discriminator_helpers()]
        generators = [helper for term in self._terms() for helper in term.helpers()]
        discriminators_text = (self.discriminator_text_encoder, self.text_lr_multiplier)
        generators_text = (self.text_encoder, self.text_lr_multiplier)
        return [
            optimizer_for(make_discriminators, self.discriminator, discriminators_text, *discriminators),
            optimizer_for(make_generators, self.generator, generators_text, *generators),
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["discriminator_turns"] = self.discriminator_turns

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.discriminator_turns = checkpoint["discriminator_turns"]

    def _check(self, data_spec: DataSpec) -> None:
        """Refuse networks that do not fit one another, the terms or the data."""
        check_ingredients(self._ingredients())
        if has_backbones(self.discriminator, self.terms):
            fit = check_networks_fit(data_spec, self.generator, self.discriminator, self.text_encoder)
            for term in self._gan_terms():
                term.check_fit(fit)

    def _ingredients(self) -> Ingredients:
        networks = {"text_encoder": self.text_encoder, "discriminator": self.discriminator, "generator": self.generator}
        augmentations: Any = self.augmentations
        return Ingredients(networks, self.objective, self._terms_by_key(), dict(augmentations), self.mismatch_weight)

    def _collected(self, step: Step, *moments: str, of_generator: bool = True) -> Collected:
        """What each term that counts in this turn says at these moments, and how much each of its losses weighs."""
        answers = [(term, asked(term, moment, step)) for moment in moments for term in self._terms(step.turn)]
        pause = self.discriminator_steps if of_generator else 1
        weights = {name: term.weight_of(name, pause) for term, losses in answers for name in losses}
        return without_repeats(*(losses for _, losses in answers)), weights

    def _terms(self, turn: int | None = None) -> list[Term]:
        """All terms, or those that count in a step of the discriminator."""
        return [term for term in self._terms_by_key().values() if turn is None or term.counts(turn)]

    def _gan_terms(self) -> list[GANTerm]:
        return [term for term in self._terms() if isinstance(term, GANTerm)]

    def _is_needed(self, need: str, turn: int) -> bool:
        """Whether the objective, or a term that counts in this step of the discriminator, says that it needs this."""
        return any(need in getattr(part, "needs", ()) for part in (self.objective, *self._terms(turn)))

    def _terms_by_key(self) -> dict[str, Term]:
        terms: Any = self.terms
        return dict(terms.items())

    def _adversarial_step(self, images: Images, prompts: Prompts | None) -> Figures:
        """A batch of the game: the discriminator's step, and the generator's where it is its turn."""
        self.discriminator_turns += 1
        generators_turn = self.discriminator_turns % self.discriminator_steps == 0
        drawn = self._draw(images, prompts, generators_turn)
        judged, figures = self._train_discriminator(drawn, generators_turn)
        if generators_turn:
            figures = without_repeats(figures, self._train_generator(drawn, judged))
            self.average_weights(len(images) * self.discriminator_steps)
        return figures

    def _train_discriminator(self, drawn: Drawn, generators_turn: bool) -> tuple[list[Judged], Figures]:
        """One step down the objective and the terms; what the generator's step needs of it, and what to log.

        A batch in parts is generated again in the generator's step, so that no part's graph has to wait for it.
        """
        judged, said = [], []
        with self.step_of("d") as step:
            for part in self.micro_batches(*drawn):
                own = Drawn(*part.inputs)
                generation = self._generation(own, with_gradients=generators_turn and part.is_whole)
                scored, losses, figures = self._judged(generation, own)
                step.add(*losses, share=part.share, figures=figures)
                said.append(scored.real_logits.detach())
                if generators_turn:
                    judged.append(Judged.of(scored, generation if part.is_whole else None))
        self.augmentations.observe(torch.cat(said), boundary_of(self.objective))
        return judged, step.figures | self.augmentations.figures()

    def _train_generator(self, drawn: Drawn, judged: list[Judged]) -> Figures:
        """One step down what the discriminator now says, its terms, and the generator's own losses."""
        with self.step_of("g") as step:
            for part, seen in zip(self.micro_batches(*drawn), judged, strict=True):
                now = Drawn(*part.inputs)
                generation = replace(seen.generation or self._generated_again(now), views=now.later_views)
                own = self._collected(generation, "generation_losses")
                with frozen(self.discriminator, self.discriminator_text_encoder):
                    losses, figures = self._answered(generation, seen, own)
                    step.add(*losses, share=part.share, figures=figures)
        return step.figures

    def _draw(self, images: Images, prompts: Prompts | None, generators_turn: bool) -> Drawn:
        """All that is drawn for the joint batch, before it is computed in parts."""
        latents, mismatches, wrong = self._draw_latents(len(images)), None, None
        if prompts and self.mismatch_weight:
            mismatches = sample_mismatches(prompts.compatible, self.rng)
            wrong = wrong_sentences(prompts.sentences, mismatches) if self.splits(len(images)) else None
        draw = partial(self.augmentations.views, images, rng=self.rng, images_seen=self.images_seen)
        with_real = self._is_needed("fresh_reals", self.discriminator_turns)
        later = draw(with_real=with_real) if generators_turn else UNCHANGED
        return Drawn(images, prompts, latents, mismatches, wrong, draw(), later)

    def _generation(self, drawn: Drawn, *, with_gradients: bool) -> GenerationStep:
        with torch.set_grad_enabled(with_gradients):
            text = self.read(drawn.prompts)
            *earlier, fake = generated_in_stages(self.generator, drawn.latents, text)
        networks = Networks(self.generator, self.discriminator, self.objective, self.text_encoder)
        return GenerationStep(
            networks=networks,
            real=drawn.images,
            fake=fake,
            prompts=drawn.prompts,
            text=text,
            rng=self.rng,
            turn=self.discriminator_turns,
            images_seen=self.images_seen,
            latents=drawn.latents,
            views=drawn.views,
            earlier_stages=tuple(earlier),
        )

    def _generated_again(self, drawn: Drawn) -> GenerationStep:
        """With gradients, and without a second trace in the statistics of batches."""
        with still(self.generator, self.text_encoder):
            return self._generation(drawn, with_gradients=True)

    @cached()  # spectrally normalised weights are computed once a part of a step, not once a pass
    def _judged(self, generation: GenerationStep, drawn: Drawn) -> tuple[DiscriminatorStep, Collected, Means]:
        """What the discriminator says of real and generated images, its losses, and what else to log."""
        step = self._scored(generation, drawn, self._is_needed("image_gradients", generation.turn))
        figures = discriminator_figures(step.real_logits, step.fake_logits, self.objective)
        d_loss = self.objective.discriminator(step.real_logits, step.fake_logits)
        if step.mismatched:
            logits = step.networks.score(step.real_features, step.mismatched.text)
            d_loss = d_loss.lerp(self.objective.discriminator(step.real_logits, logits), step.mismatched.share)
            figures["d_mismatched"] = probability(logits)
        losses, weights = self._collected(step, "discriminator_losses", of_generator=False)
        return step, (without_repeats({"d_loss": d_loss}, losses), weights), figures

    def _mismatched(self, text: TextFeatures | None, drawn: Drawn) -> Mismatched | None:
        """A wrong sentence for each image, from anywhere in the joint batch."""
        if drawn.mismatches is None or text is None:
            return None
        share = self.mismatch_weight * drawn.mismatches.exist.float()
        return Mismatched(self._wrong_text(text, drawn), share)

    def _wrong_text(self, text: TextFeatures, drawn: Drawn) -> TextFeatures:
        """The discriminator's reading of wrong sentences; without gradient where it only reads."""
        assert drawn.mismatches is not None
        if drawn.wrong is None:
            return rows_of(gather_text(text), drawn.mismatches.sentence)
        if self.discriminator_text_encoder is not None:
            return self.discriminator_text_encoder(drawn.wrong)
        assert self.text_encoder is not None
        with torch.no_grad(), still(self.text_encoder):
            return self.text_encoder(drawn.wrong)

    def _scored(self, step: GenerationStep, drawn: Drawn, with_gradients: bool) -> DiscriminatorStep:
        """Both batches through the discriminator, apart."""
        real, fake = (images.detach().requires_grad_(with_gradients) for images in (step.real, step.fake))
        text = self._discriminators_text(step.prompts, step.text)
        real_features, real_logits = step.networks.judge(step.views.real(real), text)
        fake_features, fake_logits = step.networks.judge(step.views.fake(fake), text)
        return DiscriminatorStep(
            **step.shared(real=real, fake=fake, text=text, earlier_stages=detached(step.earlier_stages)),
            real_features=real_features,
            fake_features=fake_features,
            real_logits=real_logits,
            fake_logits=fake_logits,
            mismatched=self._mismatched(text, drawn),
        )

    @cached()
    def _answered(self, generation: GenerationStep, seen: Judged, own: Collected) -> tuple[Collected, Means]:
        """The generator's losses, from what the discriminator now says of its images, and what else to log."""
        step = self._scored_again(generation, seen)
        g_loss = self.objective.generator(step.fake_logits, step.real_logits)
        losses, weights = self._collected(step, "image_losses", "generator_losses")
        losses = without_repeats(own[0], {"g_loss": g_loss}, losses)
        return (losses, {**own[1], **weights}), {"d_fake_after": probability(step.fake_logits)}

    def _scored_again(self, step: GenerationStep, seen: Judged) -> GeneratorStep:
        """The generated images through the discriminator as it is now, and the real ones where they are needed."""
        with torch.no_grad():
            text = self._discriminators_text(step.prompts, step.text)
        features, logits = step.networks.judge(step.views.fake(step.fake), text)
        real_features, real_logits = seen.real_features, seen.real_logits
        if self._is_needed("fresh_reals", step.turn):
            with torch.no_grad():
                real_features, real_logits = step.networks.judge(step.views.real(step.real), text)
        return GeneratorStep(
            **step.shared(text=text),
            latents=step.latents,
            real_features=real_features,
            fake_features=features,
            real_logits=real_logits,
            fake_logits=logits,
        )

    def _draw_latents(self, number: int) -> Float[Tensor, "batch latent"]:
        return draw_normal(number, self.generator.latent_dim, rng=self.rng).to(self.device)

    def _discriminators_text(
        self, prompts: Prompts | None, generators_text: TextFeatures | None
    ) -> TextFeatures | None:
        """Its own reading of the sentences, or the generator's without gradient."""
        if prompts is None or generators_text is None:
            return None
        if self.discriminator_text_encoder is None:
            return TextFeatures(*(part.detach() for part in generators_text))
        return self.discriminator_text_encoder(prompts.sentences)
