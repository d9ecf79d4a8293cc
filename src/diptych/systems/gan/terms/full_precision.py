"""What the discriminator says in float32, for penalties, whatever the rest of the step computes in.

Penalties at real or generated images are on the way from those images through the step's view and the discriminator,
as StyleGAN2-ADA's R1 is (Karras et al. 2020, arXiv:2006.06676).

Under autocast the step's own logits come from half precision, in which squares of small gradients are lost. Penalties
then score once more outside of it; without autocast the step's own pass serves.
"""

import torch

from diptych.systems.gan.augmentations.views import View
from diptych.systems.gan.steps import DiscriminatorStep
from diptych.types import Images, Logits, TextFeatures


def scored_in_full(
    step: DiscriminatorStep, images: Images, text: TextFeatures | None, view: View | None = None
) -> Logits:
    """Logits of images that are in float32, computed outside of autocast; seen through the view, if given."""
    discriminator = step.networks.discriminator
    with torch.autocast(images.device.type, enabled=False):
        text = text and TextFeatures(text.sentence.to(images), text.words.to(images), text.mask)
        return discriminator.score(discriminator.encode(view(images) if view else images), text)


def judged_in_full(step: DiscriminatorStep, images: Images, logits: Logits, view: View) -> tuple[Images, Logits]:
    """Images of the step that require a gradient, and their logits; both anew where the step computes in half."""
    if not torch.is_autocast_enabled(images.device.type):
        return images, logits
    images = images.detach().to(step.real.dtype).requires_grad_()
    return images, scored_in_full(step, images, step.text, view)
