"""Generated images that have the mean features of real ones (Salimans et al. 2016, arXiv:1606.03498)."""

from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from diptych.losses.feature_matching import feature_matching_loss
from diptych.systems.devices import joint_mean
from diptych.systems.gan.steps import GeneratorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses


class FeatureMatching(GANTerm):
    """Squared difference of the joint batch's mean features, of what `discriminator.encode` gives.

    Both means are of the discriminator as it is now. Sentences play no part. Every image is given the same value.
    """

    needs = ("fresh_reals",)
    couples_examples = True

    def generator_losses(self, step: GeneratorStep) -> Losses:
        loss = feature_matching_loss(_means(step.fake_features), _means(step.real_features))
        return {"feature_matching_loss": loss.expand(len(step.fake))}


def _means(features: Any) -> list[Tensor]:
    """Of every tensor among the features, over the joint batch."""
    return [joint_mean(part.float()) for part in tree_leaves(features) if isinstance(part, Tensor)]
