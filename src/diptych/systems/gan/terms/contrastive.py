"""In-batch contrast of images and sentences (InfoNCE, Radford et al. 2021, arXiv:2103.00020)."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from diptych.losses.contrastive import contrastive_loss
from diptych.systems.devices import gather, own_share
from diptych.systems.gan.steps import DiscriminatorStep, GeneratorStep, Step
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses


class Contrastive(GANTerm):
    """Real images and their sentences in the discriminator's step, generated ones in the generator's.

    Symmetric, over the joint batch; pairs that may be true of each other are no negatives. `weight` is of the
    discriminator's loss, `generator_weight` of the generator's; a loss of weight 0 is not computed.
    """

    needs = ("text", "discriminator.embed")
    couples_examples = True

    def __init__(
        self, *, weight: float = 1.0, generator_weight: float = 0.0, temperature: float = 0.1, every: int = 1
    ) -> None:
        super().__init__(weight=weight, every=every)
        self.generator_weight, self.temperature = generator_weight, temperature

    @property
    def weights(self) -> dict[str, float]:
        return {"contrastive_loss": self.weight, "generator_contrastive_loss": self.generator_weight}

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        return {"contrastive_loss": self._loss(step, step.real_features)} if self.weight else {}

    def generator_losses(self, step: GeneratorStep) -> Losses:
        return {"generator_contrastive_loss": self._loss(step, step.fake_features)} if self.generator_weight else {}

    def _loss(self, step: Step, features: Any) -> Float[Tensor, " batch"]:
        """Of own pairs among those of the joint batch."""
        assert step.text is not None
        assert step.prompts is not None
        joint = contrastive_loss(
            gather(step.networks.discriminator.embed(features)),
            gather(step.text.sentence),
            temperature=self.temperature,
            compatible=step.prompts.compatible,
        )
        return own_share(joint)
