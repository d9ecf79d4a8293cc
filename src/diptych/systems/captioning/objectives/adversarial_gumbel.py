"""Adversarial training through the straight-through Gumbel-softmax: the discriminator's gradient reaches each word.

Dognin et al. 2019 (arXiv:1805.00063). The discriminator reads the very words that were sampled; backward, each word is
the softmax of its logits plus the same Gumbel noise, at a temperature.
"""

from functools import partial

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.decoding import Decoded
from diptych.decoding.given_noise import sample_by_gumbel
from diptych.losses.gumbel import gumbel_noise, relaxed_words, straight_through
from diptych.systems.captioning.objectives.adversarial import Adversarial, image_of
from diptych.systems.captioning.objectives.pairs import Captions
from diptych.systems.captioning.objectives.policy import note_samples
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.systems.modes import frozen
from diptych.types import DataSpec


class AdversarialGumbel(Adversarial):
    """By gradients of the discriminator, through `straight_through` words at `temperature`.

    Deviation from the article: the gradient goes through the distribution of each word, not through the words that the
    decoder was fed before, which are constants. So logits come from one pass over the whole sequence, with every
    decoder.
    """

    least_samples = 1

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        caption_discriminator: nn.Module,
        temperature: float = 0.5,
        num_samples: int = 1,
        adversarial_weight: float = 1.0,
        cross_entropy_weight: float = 1.0,
        discriminator_lr_multiplier: float = 1.0,
        discriminator_warmup_images: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            caption_discriminator=caption_discriminator,
            num_samples=num_samples,
            adversarial_weight=adversarial_weight,
            cross_entropy_weight=cross_entropy_weight,
            discriminator_lr_multiplier=discriminator_lr_multiplier,
            discriminator_warmup_images=discriminator_warmup_images,
        )
        if temperature <= 0:
            raise ValueError(f"caption_objective.temperature={temperature}: give a positive number")
        self.temperature = temperature

    def judged(self, step: CaptionStep) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        noise = self._noise(step)
        sampled = step.decode(partial(sample_by_gumbel, noise=noise), self.num_samples)
        captions = Captions.of(sampled.tokens)
        words = self._words(step, sampled, noise)
        with frozen(self.caption_discriminator):
            deceived = self.caption_discriminator.of_relaxed(image_of(step), words, captions.mask)
        note_samples(step, sampled, deceived.sigmoid().unflatten(0, (len(step), -1)))
        return F.softplus(-deceived), self.caption_discriminator(image_of(step), *captions)

    def _words(self, step: CaptionStep, sampled: Decoded, noise: Tensor) -> Float[Tensor, "rows length words"]:
        logits = step.word_logits(sampled)
        relaxed = relaxed_words(logits, noise[:, : logits.shape[1]], self.temperature)
        return straight_through(relaxed, sampled.tokens)

    def _noise(self, step: CaptionStep) -> Float[Tensor, "rows max_length words"]:
        shape = self.num_samples, step.max_length, len(self.data_spec.vocabulary)
        return gumbel_noise(step.uniform("gumbel", *shape)).flatten(0, 1)
