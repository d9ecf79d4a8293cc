"""Denoisers: diffusion and flow, from noise alone or from sentences as well.

The training step is that of Ho et al. 2020 (arXiv:2006.11239) for any process (`diptych/diffusion/processes.py`) and
any prediction: images and noise are mixed at a drawn time, and the network says what the clean image is. Times are
drawn in strata over the joint batch. Some sentences are left out (`text_dropout`), so that the network knows what
images without one are like.

Images are divided by their standard deviation (`image_spread.py`), so that noise of standard deviation 1 is as strong
as it means to be. With an `autoencoder` among the parts, images are its latents (`spaces.py`). What besides is learned
of the guessed image are terms (`systems/terms`), where the share of noise is below `terms_until`: above it the guess is
an average of many images, and has no reason to look like one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from diptych.diffusion.losses import adaptive_weight, denoising_loss, error_weight
from diptych.diffusion.predictions import Prediction
from diptych.diffusion.processes import Process
from diptych.diffusion.times import TimeDistribution, stratified
from diptych.systems.base import Choice, Figures
from diptych.systems.devices import draw_normal, draw_uniform, mean_over_devices, num_devices, own_share
from diptych.systems.diffusion.compatibility import Mathematics, check_mathematics, check_settings, counted_share
from diptych.systems.diffusion.image_spread import spread_of
from diptych.systems.diffusion.sampling import DenoisingSampler
from diptych.systems.diffusion.steps import DenoisingStep, Drawn, Learned
from diptych.systems.diffusion.terms.base import MOMENTS, DenoisingTerm
from diptych.systems.diffusion.validation_loss import ValidationLoss
from diptych.systems.image_terms import AsksTerms
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.pairing import Prompts
from diptych.systems.power_averages import PowerAverages
from diptych.systems.schedules import Schedule
from diptych.systems.terms.base import Term, answers, asked, without_repeats
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.text_to_image import TextToImage
from diptych.types import Batch, DataSpec, Images, TextFeatures

NUM_BINS = 4
"""Quarters of the distribution of times, of which losses are logged apart."""


class Diffusion(AsksTerms, DenoisingSampler, TextToImage):
    """A denoiser, the process that it turns back, what it predicts, and the times at which it learns.

    `loss_prediction` is that in whose units errors are squared (None: those of what the network says); there, weights
    of images are at most `max_loss_weight`. Errors are divided by the power `loss_power` of themselves.
    `average_lengths` are those of the averages that are kept, the first of which generates. Validation samples with
    `validation_steps`.
    """

    learns_from_pictures_alone = True
    generates_with = ("autoencoder",)
    moments: ClassVar[tuple[str, ...]] = MOMENTS

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        denoiser: nn.Module,
        process: Process,
        prediction: Prediction,
        times: TimeDistribution,
        optimizer: MakeOptimizer,
        autoencoder: Any = None,
        loss_prediction: Prediction | None = None,
        max_loss_weight: float = 100.0,
        loss_power: float = 0.0,
        terms: Mapping[str, Term] | None = None,
        terms_until: float = 0.6,
        text_encoder: nn.Module | None = None,
        text_lr_multiplier: float = 1.0,
        text_pretraining: TextPretraining | None = None,
        text_dropout: float = 0.1,
        average_lengths: Sequence[float] = (0.05, 0.1),
        validation_steps: int = 10,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            text_encoder=text_encoder,
            text_pretraining=text_pretraining,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_settings(
            text_dropout=text_dropout,
            terms_until=terms_until,
            max_loss_weight=max_loss_weight,
            loss_power=loss_power,
            validation_steps=validation_steps,
            average_lengths=average_lengths,
        )
        self.check_mathematics(Mathematics(process, prediction, loss_prediction, times, denoiser))
        if text_encoder is not None and not hasattr(denoiser, "null"):
            raise ValueError(
                f"denoiser {type(denoiser).__name__} has no null condition: set its attribute null to a NullCondition"
            )
        self.denoiser = denoiser
        self.borrow(autoencoder)
        self.process, self.prediction, self.times = process, prediction, times
        self.loss_prediction, self.max_loss_weight, self.loss_power = loss_prediction, max_loss_weight, loss_power
        self.keep_terms(terms)
        self.terms_until, self.text_dropout, self.average_lengths = terms_until, text_dropout, tuple(average_lengths)
        self.counted_share = counted_share(process, times, terms_until)
        self.make_optimizer, self.text_lr_multiplier = optimizer, text_lr_multiplier
        self.register_buffer("image_std", torch.zeros(()))
        self.keep_averages()
        self._fit_terms()  # to the denoiser; its averages have been copied, and nobody listens to them
        self.validation_options, self.validation_loss = self.options(steps=validation_steps), ValidationLoss()

    @classmethod
    def check_mathematics(cls, chosen: Mathematics) -> None:
        """Refuse what does not go together, before any data are loaded and when the system is built."""
        check_mathematics(chosen)

    @classmethod
    def check_choice(cls, choice: Choice) -> None:
        """Refuse settings, mathematics and terms that do not go together, before any data are loaded."""
        check_settings(**choice.settings)
        cls.check_mathematics(Mathematics(*map(choice.on_trial, Mathematics._fields)))
        if choice.has_uncaptioned and "text_encoder" not in choice.networks:
            raise ValueError(
                "data.captioned_share: this run reads no captions: choose a text_encoder=…, or leave it out"
            )
        if choice.has_uncaptioned and "text_pretraining" in choice.recipe:
            raise ValueError(
                "data.captioned_share: text_pretraining reads the captions of all pictures; leave it out with "
                "text_pretraining=null"
            )
        cls.check_terms(choice)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.pretrain_or(self._denoising_step, batch)

    def configure_optimizers(self) -> Optimizer:
        text = (self.text_encoder, self.text_lr_multiplier)
        return optimizer_for(self.make_optimizer, self.denoiser, text, *self.helpers_of_terms)

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.trainer.precision == "16-mixed":
            raise ValueError("trainer.precision=16-mixed: gradients are clipped before its loss scale; use bf16-mixed")

    def average_of(self, network: nn.Module) -> PowerAverages | None:
        if not self.average_lengths:
            return None
        return PowerAverages(network, self.average_lengths, start_images=self.warmup_images)

    def on_validation_start(self) -> None:
        self._measure_images()

    def on_train_start(self) -> None:
        self._measure_images()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        networks = self.generating_networks(self.options())
        with evaluating(*networks.values()), torch.no_grad():
            encode = networks["text_encoder"]
            text = encode(batch.pick(0)) if encode else None
            clean = self.encoded(batch.images)
            guessed = partial(self._guessed, networks["denoiser"], clean, text)
            self.validation_loss.update(clean, lambda shares, noise: guessed(shares, noise).loss)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self.log_metrics("val", self.validation_loss.compute())
        self.validation_loss.reset()

    def _denoising_step(self, images: Images, prompts: Prompts | None) -> Figures:
        self.turn += 1
        drawn = self._draw(images, prompts)
        with self.step_of("") as step:
            for part in self.micro_batches(*drawn):
                losses, weights, figures = self._losses(Drawn(*part.inputs))
                step.add(losses, weights, share=part.share, figures=figures)
        self.average_weights(len(images))
        return {"loss": step.losses["loss"], **step.figures}

    def _draw(self, images: Images, prompts: Prompts | None) -> Drawn:
        """All that is drawn for the joint batch, before it is computed in parts."""
        number = len(images)
        noise = draw_normal(number, *self.space.shape, rng=self.rng).to(images.device)
        shares = own_share(stratified(num_devices() * number, self.rng)).to(images.device)
        dropped = (draw_uniform(number, rng=self.rng) < (self.text_dropout if prompts else 0.0)).to(images.device)
        captioned = torch.ones_like(shares)
        if prompts and prompts.captioned is not None:
            dropped = dropped | ~prompts.captioned
            captioned = captioned * mean_over_devices(prompts.captioned.to(shares).mean()).clamp_min(1 / number)
        return Drawn(images, prompts, noise, shares, dropped, captioned)

    def _losses(self, drawn: Drawn) -> tuple[dict[str, Tensor], dict[str, float], dict[str, Tensor]]:
        """The network's loss and those of terms, one value an image; their weights; and what else to log."""
        text = self.read(drawn.prompts)
        if text is not None:
            text = self.denoiser.null.in_place_of(text, drawn.dropped)
        clean = self.encoded(drawn.images)
        learned = self._learned(drawn, clean, text)
        step = DenoisingStep(
            real=drawn.images,
            fake=self._looked_at(learned.image, drawn.images),
            prompts=drawn.prompts,
            text=text,
            rng=self.rng,
            turn=self.turn,
            images_seen=self.images_seen,
            clean=clean,
            guess=learned.image,
            noisy=learned.noisy,
            noise=drawn.noise,
            level=learned.level,
            times=learned.times,
            image_std=self.image_std,
            error_weight=learned.error_weight.detach(),
            has_sentence=~drawn.dropped & (text is not None),
        )
        losses, weights = self._of_terms(step, learned, drawn)
        losses = without_repeats({"loss": learned.loss}, losses)
        return losses, weights, _by_bin(learned.loss.detach(), drawn.shares)

    def _learned(self, drawn: Drawn, real: Images, text: TextFeatures | None) -> Learned:
        """The network's guess at the drawn times; `real` is in the units of the process."""
        guessed = self._guessed(self.denoiser, real, text, drawn.shares, drawn.noise)
        weight = adaptive_weight(guessed.loss, self.loss_power)
        return guessed._replace(loss=weight * guessed.loss, error_weight=weight * guessed.error_weight)

    def _guessed(
        self, denoiser: Any, real: Images, text: TextFeatures | None, shares: Float[Tensor, " batch"], noise: Images
    ) -> Learned:
        """What a network makes of images with this noise, at these shares of the times; errors are squared, no more."""
        times = self.times.quantile(shares, self.process)
        level = self.process.at(times).over(real)
        noisy = level.noisy(real, noise)
        output, image = self.guess(denoiser, noisy, times, text)
        measured = self.loss_prediction
        target = self.prediction.target(real, noise, level) if measured is None else real
        loss = denoising_loss(output, image, target, level, measured, self.max_loss_weight)
        weight = (
            error_weight(self.prediction, level)
            if measured is None
            else error_weight(measured, level, self.max_loss_weight)
        )
        return Learned(loss, image, noisy, level, times, weight, torch.ones_like(shares, dtype=torch.bool))

    def _looked_at(self, guess: Images, real: Images) -> Images:
        """The images that the network guesses; the real ones where decoding costs and no term looks in this step."""
        looks = any(answers(term, "image_losses") for term in self.counting_terms)
        return self.space.decode(guess * self.image_std) if looks or not self.space.decoding_costs else real

    def _of_terms(
        self, step: DenoisingStep, learned: Learned, drawn: Drawn
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """The losses of terms, and their weights.

        Those of the guessed image are of what little noise leaves to guess, and where a term needs sentences, of images
        that had theirs. The others are real ones while the term is asked, and count for nothing. A loss is divided by
        the share of images that count, so that it is a mean over them; how many of a batch have captions is counted.
        """
        early = (step.level.noise_share.flatten() < self.terms_until) & learned.counts
        losses: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        for term in self.counting_terms:
            reads = "text" in term.needs
            counted, share = early & ~drawn.dropped if reads else early, self.counted_share * learned.share
            if reads and step.prompts:
                share = share * (1 - self.text_dropout) * drawn.captioned
            fake = torch.where(counted[:, None, None, None], step.fake, step.real)
            of_image = asked(term, "image_losses", replace(step, fake=fake))
            own = {name: values * counted / share for name, values in of_image.items()}
            own = without_repeats(own, asked(term, "denoising_losses", step))
            losses = without_repeats(losses, own)
            weights |= {name: term.weight_of(name) for name in own}
        return losses, weights

    @torch.no_grad()
    def _measure_images(self) -> None:
        """How far they lie from mid-grey, once; a resumed or warm-started run knows it."""
        if not self.image_std:
            self.image_std.copy_(spread_of(self.trainer, self._encoded_anywhere))

    def _encoded_anywhere(self, images: Images) -> Tensor:
        return self.space.encode(images.to(self.device))

    def _fit_terms(self) -> None:
        for term in (term for term in self.all_terms if isinstance(term, DenoisingTerm)):
            term.fit_to(self.denoiser)


def _by_bin(loss: Float[Tensor, " batch"], shares: Float[Tensor, " batch"]) -> dict[str, Tensor]:
    """The mean loss in each quarter of the distribution of times, from clean to noisy.

    Times are drawn in strata: every quarter has its share of the joint batch, and sums over it are means over devices.
    """
    bins = (shares * NUM_BINS).long()
    sums = loss.new_zeros(NUM_BINS).scatter_add(0, bins, loss)
    return {f"loss_quarter_{i + 1}": value for i, value in enumerate(sums * NUM_BINS / len(loss))}
