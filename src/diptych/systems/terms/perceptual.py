"""Generated images that a frozen image encoder sees as real ones (Johnson et al. 2016, arXiv:1603.08155).

The encoder is the first that is lent of `parts.classifier`, `parts.captioner` and `parts.embedding`. The article
compares an image with its target. A generated image has none, only the real image of the same sentence, which may show
it elsewhere: `Perceptual` compares with that one, `PerceptualFeatureMatching` the means of the batch.
"""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.losses.feature_matching import feature_matching_loss
from diptych.losses.perceptual import perceptual_loss
from diptych.models.noise import PixelNoise
from diptych.systems.devices import joint_mean
from diptych.systems.terms.base import Losses, Term
from diptych.systems.terms.lenders import HasImageEncoder, check_lent, lent_grids
from diptych.systems.terms.steps import ImageStep
from diptych.types import DataSpec


class _OfFrozenGrids(Term):
    """A term that compares a frozen encoder's feature maps of real and of generated images.

    Both are seen through `pixel_noise`, a standard deviation. Without an encoder (a run restored to generate) it cannot
    train.
    """

    needs = ("image_encoder_of_a_part",)
    key: ClassVar[str]

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        classifier: HasImageEncoder | None = None,
        captioner: HasImageEncoder | None = None,
        embedding: HasImageEncoder | None = None,
        weight: float = 1.0,
        pixel_noise: float = 0.0,
        every: int = 1,
    ) -> None:
        super().__init__(weight=weight, every=every)
        self.grids = lent_grids(data_spec, classifier=classifier, captioner=captioner, embedding=embedding)
        self.noise = PixelNoise(pixel_noise)

    def begin(self) -> None:
        check_lent(self.key, self.grids)

    def both(self, step: ImageStep) -> tuple[list[Tensor], list[Tensor]]:
        """Feature maps of the generated images, and those of the real ones, which carry no gradient."""
        assert self.grids is not None
        with torch.no_grad():
            real = self.grids(self.noise(step.real))
        return self.grids(self.noise(step.fake)), real


class Perceptual(_OfFrozenGrids):
    """Mean squared difference of the feature maps of each generated image and of the real one of its sentence."""

    key = "perceptual"

    def image_losses(self, step: ImageStep) -> Losses:
        return {"perceptual_loss": perceptual_loss(*self.both(step))}


class PerceptualFeatureMatching(_OfFrozenGrids):
    """Squared difference of the joint batch's mean feature maps, as `feature_matching` of a frozen encoder.

    Sentences play no part. Every image is given the same value.
    """

    key = "perceptual_feature_matching"
    couples_examples = True

    def image_losses(self, step: ImageStep) -> Losses:
        fake, real = ([joint_mean(grid) for grid in grids] for grids in self.both(step))
        loss: Float[Tensor, ""] = feature_matching_loss(fake, real)
        return {"perceptual_feature_matching_loss": loss.expand(len(step.fake))}
