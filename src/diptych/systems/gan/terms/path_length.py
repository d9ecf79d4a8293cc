"""A step of a style moves every image as far (StyleGAN2, Karras et al. 2020, arXiv:1912.04958, section 3.2)."""

import torch
from torch import Tensor

from diptych.losses.path_length import path_lengths
from diptych.systems.devices import draw_normal, mean_over_devices
from diptych.systems.gan.options import from_styles
from diptych.systems.gan.steps import GenerationStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.terms.base import Losses
from diptych.types import TextFeatures


class PathLength(GANTerm):
    """Squared difference of each image's path length and the running mean of all, which moves by `momentum` a step.

    The article takes half a batch of new latents; this takes the step's latents again, without mixed styles. All is
    computed in float32.
    """

    needs = ("generator.from_styles",)
    couples_examples = True
    mean_length: Tensor

    def __init__(self, *, weight: float = 2.0, every: int = 4, momentum: float = 0.01) -> None:
        super().__init__(weight=weight, every=every)
        self.momentum = momentum
        self.register_buffer("mean_length", torch.zeros(()))

    def generation_losses(self, step: GenerationStep) -> Losses:
        generator, latents, text = step.networks.generator, step.latents, step.text
        directions = draw_normal(len(latents), *step.real.shape[1:], rng=step.rng).to(latents)
        with torch.autocast(latents.device.type, enabled=False):
            text = text and TextFeatures(text.sentence.to(latents), text.words.to(latents), text.mask)
            styles = generator.styles(latents, text)
            lengths = path_lengths(from_styles(generator, styles, latents), styles, directions)
        mean = mean_over_devices(lengths.detach().mean())
        self.mean_length.lerp_(mean.to(self.mean_length), self.momentum)
        return {"path_length_penalty": (lengths - self.mean_length).square()}
