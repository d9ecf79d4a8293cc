"""What the discriminators of a generator's stages say (AttnGAN, Xu et al. 2018, arXiv:1711.10485, eqs. 4 to 6).

The objective on the last stage's pairs is the system's own. Here are that of the earlier stages' pairs, and that of
every stage's images alone, whatever is said of them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.systems.gan.steps import DiscriminatorStep, GeneratorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses
from diptych.types import Images, Logits, TextFeatures

PerImage = Float[Tensor, " batch"]


class Seen(NamedTuple):
    """A stage's discriminator, and the features that it has of real and of generated images of its size.

    Without those of real images their logits are not numbers: an objective that compares with them after all would stop
    the run.
    """

    discriminator: Any
    real: Any
    fake: Any

    def alone(self) -> tuple[Logits, Logits]:
        """The logits of real and of generated images, whatever is said of them."""
        return self._both(self.discriminator.score_alone)

    def pairs(self, text: TextFeatures | None) -> tuple[Logits, Logits]:
        """The logits of real and of generated images with these sentences."""
        return self._both(lambda features: self.discriminator.score(features, text))

    def _both(self, score: Callable[[Any], Logits]) -> tuple[Logits, Logits]:
        fake = score(self.fake).float()
        return torch.full_like(fake, torch.nan) if self.real is None else score(self.real).float(), fake


class Stages(GANTerm):
    """Each stage's discriminator learns from images of its own size, and the generator from what all of them say.

    `weight` is of pairs, whose negatives are mixed with mismatched pairs as the system's are; `alone_weight` is of
    images alone. Losses are summed over stages. Real images are resized by area. A generator or discriminator of stages
    has a method `stages`; a stage's discriminator has `encode`, `score` and `score_alone`.
    """

    needs = ("text", "generator.stages", "discriminator.stages", "no_augmentations")

    def __init__(self, *, weight: float = 1.0, alone_weight: float = 1.0, every: int = 1) -> None:
        super().__init__(weight=weight, every=every)
        self.alone_weight = alone_weight

    @property
    def weights(self) -> dict[str, float]:
        return {"d_alone_loss": self.alone_weight, "g_alone_loss": self.alone_weight}

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        loss = step.networks.objective.discriminator
        *earlier, last = _seen(step, with_real=True)
        pairs = [_pairs_loss(step, stage) for stage in earlier]
        alone = [loss(*stage.alone()) for stage in (*earlier, last)]
        return _summed(d_stages_loss=pairs, d_alone_loss=alone)

    def generator_losses(self, step: GeneratorStep) -> Losses:
        objective = step.networks.objective
        loss, compares = objective.generator, "fresh_reals" in getattr(objective, "needs", ())
        *earlier, last = _seen(step, with_real=compares)
        pairs = [loss(fake, real) for real, fake in (stage.pairs(step.text) for stage in earlier)]
        alone = [loss(fake, real) for real, fake in (stage.alone() for stage in (*earlier, last))]
        return _summed(g_stages_loss=pairs, g_alone_loss=alone)


def resized(images: Images, side: int) -> Images:
    """Each pixel the mean of those that it stands for."""
    return F.interpolate(images, (side, side), mode="area")


def _seen(step: DiscriminatorStep | GeneratorStep, *, with_real: bool) -> list[Seen]:
    """What each stage's discriminator makes of images of its size, from small to large.

    An objective that does not compare generated images with real ones needs no real ones in the generator's step.
    """
    *earlier, last = step.networks.discriminator.stages()
    if len(earlier) != len(step.earlier_stages):
        raise ValueError(
            f"generator.num_stages={len(step.earlier_stages) + 1} and discriminator.num_stages={len(earlier) + 1}: "
            "give both the same"
        )
    seen = []
    for discriminator, fake in zip(earlier, step.earlier_stages, strict=True):
        real = discriminator.encode(resized(step.real.detach(), fake.shape[-1])) if with_real else None
        seen.append(Seen(discriminator, real, discriminator.encode(fake)))
    return [*seen, Seen(last, step.real_features, step.fake_features)]


def _pairs_loss(step: DiscriminatorStep, stage: Seen) -> PerImage:
    """The objective on an earlier stage's pairs, with the system's share of mismatched ones."""
    loss = step.networks.objective.discriminator
    real, fake = stage.pairs(step.text)
    if step.mismatched is None:
        return loss(real, fake)
    wrong = stage.discriminator.score(stage.real, step.mismatched.text).float()
    return loss(real, fake).lerp(loss(real, wrong), step.mismatched.share)


def _summed(**of_stages: list[PerImage]) -> Losses:
    """Each loss summed over stages, where there are any."""
    return {name: torch.stack(losses).sum(0) for name, losses in of_stages.items() if losses}
