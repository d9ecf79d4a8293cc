"""Away from the flow of another sentence (contrastive flow matching, Stoica et al. 2025, arXiv:2506.05350)."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from diptych.diffusion.predictions import Velocity
from diptych.systems.devices import gather, own_share
from diptych.systems.diffusion.steps import DenoisingStep
from diptych.systems.diffusion.terms.base import DenoisingTerm
from diptych.systems.terms.base import Losses
from diptych.types import Images

VELOCITY = Velocity()


class Others(NamedTuple):
    """Another image of the joint batch for each, with its noise; `exists` where there is one that may serve."""

    clean: Images
    noise: Images
    exists: Bool[Tensor, " batch"]


class ContrastiveFlow(DenoisingTerm):
    """Minus the squared distance between what the network says and the flow of another image of the batch.

    The article draws the other; here it is the one whose sentence is most alike and not true of the image, which is
    what a network confuses it with. Both velocities are compared as the clean images that they mean, and the distance
    weighs as an error of the image does in the system's own loss: below a `weight` of 1 the whole stays convex. Images
    without their sentence, and those whose batch has no such sentence, count for nothing.
    """

    needs = ("text",)
    couples_examples = True

    def __init__(self, *, weight: float = 0.05) -> None:
        super().__init__(weight=weight)
        if not 0 <= weight < 1:
            raise ValueError(
                f"terms.contrastive_flow.weight={weight:g}: from 1 on nothing holds the network back: give 0 to below 1"
            )

    def denoising_losses(self, step: DenoisingStep) -> Losses:
        others = self._others(step)
        away = VELOCITY.target(others.clean, others.noise, step.level)
        avoided = VELOCITY.image(away, step.noisy, step.level)
        distance = (step.guess - avoided).square().flatten(1).mean(1)
        return {"contrastive_flow_loss": -step.error_weight * distance * (others.exists & step.has_sentence)}

    @torch.no_grad()
    def _others(self, step: DenoisingStep) -> Others:
        assert step.text is not None
        assert step.prompts is not None
        sentences = F.normalize(step.text.sentence.float(), dim=1)
        alike: Float[Tensor, "batch joint"] = sentences @ gather(sentences).T
        fits = own_share(step.prompts.compatible) | ~gather(step.has_sentence)
        nearest, index = alike.masked_fill(fits, -torch.inf).max(dim=1)
        return Others(gather(step.clean)[index], gather(step.noise)[index], nearest.isfinite())
