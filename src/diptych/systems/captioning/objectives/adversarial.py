"""Adversarial training: captions that a conditional discriminator takes for a person's become likelier.

Dai et al. 2017 (arXiv:1703.06029). The discriminator learns in the same step, from three kinds of pairs: an image with
a real caption of its own, with captions that the captioner samples, and with a real caption of another image. All are
cut and masked alike, so that it cannot tell them apart by their padding. Cross-entropy keeps captions true; without it,
they drift to what the discriminator has not yet seen.
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.losses.policy_gradient import leave_one_out
from diptych.systems.captioning.objectives.cross_entropy import CrossEntropy
from diptych.systems.captioning.objectives.interface import CaptionObjective
from diptych.systems.captioning.objectives.pairs import Captions, RealCaptions, real_captions, share_of
from diptych.systems.captioning.objectives.policy import note_samples, sampled_loss
from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.types import DataSpec


class Adversarial(nn.Module, CaptionObjective):
    """By policy gradients: the reward is the discriminator's probability that a caption is real and of the image.

    As in the article, with a leave-one-out baseline of `num_samples` captions an image in place of the greedy caption's
    reward. Dognin et al. 2019 (arXiv:1805.00063) find it steadier than the Gumbel-softmax. `adversarial_weight` counts
    beside `cross_entropy_weight`, and only after `discriminator_warmup_images`, in which the discriminator alone learns
    from samples. The discriminator learns at `discriminator_lr_multiplier` times the decoder's rate.
    """

    wants_warm_start = True
    least_samples = 2

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        caption_discriminator: nn.Module,
        num_samples: int = 5,
        adversarial_weight: float = 1.0,
        cross_entropy_weight: float = 1.0,
        discriminator_lr_multiplier: float = 1.0,
        discriminator_warmup_images: int = 0,
    ) -> None:
        super().__init__()
        if num_samples < self.least_samples:
            raise ValueError(
                f"caption_objective.num_samples={num_samples}: {type(self).__name__} needs at least "
                f"{self.least_samples} captions of an image"
            )
        self.data_spec, self.num_samples = data_spec, num_samples
        self.caption_discriminator: Any = caption_discriminator
        self.cross_entropy, self.cross_entropy_weight = CrossEntropy(), cross_entropy_weight
        self.discriminator_lr_multiplier = discriminator_lr_multiplier
        self.discriminator_warmup_images = discriminator_warmup_images
        self.weights = {"loss": cross_entropy_weight, "adversarial_loss": adversarial_weight}
        key = "caption_objective.discriminator_warmup_images"
        self.warmups = {key: discriminator_warmup_images} if discriminator_warmup_images else {}

    def helpers(self) -> list[tuple[nn.Module, float]]:
        return [(self.caption_discriminator, self.discriminator_lr_multiplier)]

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        captioner_loss, fakes = self.judged(step)
        if step.images_seen <= self.discriminator_warmup_images:
            captioner_loss = 0 * captioner_loss
        losses = {"adversarial_loss": captioner_loss, "discriminator_loss": self._discriminator_loss(step, fakes)}
        return {**losses, **self.cross_entropy.losses(step)} if self.cross_entropy_weight else losses

    def judged(self, step: CaptionStep) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        """The captioner's loss of each sample, and the discriminator's logits of them, for itself to learn from."""
        captions = step.sample(self.num_samples)
        fake_logits = self.caption_discriminator(image_of(step), *Captions.of(captions.tokens))
        rewards = fake_logits.detach().sigmoid().unflatten(0, (len(step), -1))
        note_samples(step, captions, rewards)
        return sampled_loss(step, captions, rewards - leave_one_out(rewards)), fake_logits

    def _discriminator_loss(self, step: CaptionStep, fake_logits: Float[Tensor, " rows"]) -> Float[Tensor, ""]:
        """Binary cross-entropy of the three kinds of pairs, each with the same weight (equation 3 of the article)."""
        real = real_captions(step, self.data_spec)
        real_logits = self.caption_discriminator(image_of(step), *real.own)
        other_logits = self.caption_discriminator(image_of(step), *real.others)
        _note_accuracies(step, real, real_logits, fake_logits, other_logits)
        mismatched = F.softplus(other_logits) * real.are_wrong
        return F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean() + mismatched.mean()


def image_of(step: CaptionStep) -> Float[Tensor, "images dim"]:
    """What the discriminator sees of the images; the encoder does not learn from it."""
    return step.features.pooled.detach()


def _note_accuracies(
    step: CaptionStep, real: RealCaptions, real_logits: Tensor, fake_logits: Tensor, other_logits: Tensor
) -> None:
    """Log how often the discriminator is right about each kind; a mismatched pair that may be true counts as right."""
    mismatched = (other_logits < 0) | ~real.are_wrong
    accuracies = {"real": real_logits > 0, "fake": fake_logits < 0, "mismatched": mismatched}
    step.note({f"discriminator_accuracy_{kind}": share_of(right) for kind, right in accuracies.items()})
