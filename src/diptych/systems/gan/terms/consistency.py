"""A discriminator that says the same of an image and of its augmented view.

CR-GAN (Zhang et al. 2020, arXiv:1910.12027) asks it of real images, bCR (Zhao et al. 2020, arXiv:2002.04724) of
generated ones as well. The generator does not learn from it, and need not be augmented.
"""

from diptych.losses.consistency import consistency_loss
from diptych.systems.devices import draw_uniform
from diptych.systems.gan.augmentations.base import Augmentation, Numbers
from diptych.systems.gan.augmentations.views import View
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.modes import still
from diptych.systems.terms.base import Losses
from diptych.types import Images, Logits


class Consistency(GANTerm):
    """Squared difference of the logits of an image, with its sentence, and of the same image through `augmentation`.

    `weight` is of real images, `fake_weight` of generated ones (bCR: 10 for both). A loss of weight 0 is not computed.
    What the discriminator sees through chosen augmentations is augmented once more. The views of a micro-batch are
    drawn row by row, so that they do not depend on how a batch is cut.
    """

    def __init__(
        self, *, augmentation: Augmentation, weight: float = 10.0, fake_weight: float = 0.0, every: int = 1
    ) -> None:
        super().__init__(weight=weight, every=every)
        if "logit_sign" in augmentation.needs:
            raise ValueError(
                f"terms.consistency.augmentation: {type(augmentation).__name__} adapts to the discriminator's step, of "
                "which a term's augmentation is told nothing: choose one of fixed strength, such as DiffAugment"
            )
        self.augmentation, self.fake_weight = augmentation, fake_weight

    @property
    def weights(self) -> dict[str, float]:
        return {"consistency_loss": self.weight, "fake_consistency_loss": self.fake_weight}

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        real, fake = step.views.real(step.real.detach()), step.views.fake(step.fake.detach())
        half = self.augmentation.num_numbers(real.shape)
        numbers = draw_uniform(len(real), 2 * half, rng=step.rng).to(real.device)
        pairs = (
            ("consistency_loss", real, step.real_logits, numbers[:, :half]),
            ("fake_consistency_loss", fake, step.fake_logits, numbers[:, half:]),
        )
        return {name: self._loss(step, *pair) for name, *pair in pairs if self.weights[name]}

    def _loss(self, step: DiscriminatorStep, images: Images, logits: Logits, numbers: Numbers) -> Logits:
        view = View(self.augmentation, numbers, step.images_seen)
        with still(step.networks.discriminator):  # no second trace in the statistics of batches
            _, other_logits = step.networks.judge(view(images), step.text)
        return consistency_loss(logits, other_logits)
