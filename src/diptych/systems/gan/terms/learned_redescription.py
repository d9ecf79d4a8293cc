"""Re-description by a captioner that is trained along (MirrorGAN, Qiao et al. 2019, arXiv:1903.05854)."""

from typing import Any

import torch
from torch import nn

from diptych.losses.redescription import sentence_nll
from diptych.models.noise import PixelNoise
from diptych.systems.gan.steps import DiscriminatorStep, GeneratorStep
from diptych.systems.gan.terms.base import GANTerm
from diptych.systems.modes import evaluating, frozen
from diptych.systems.terms.base import Losses
from diptych.types import Images, Logits, Tokens


class LearnedRedescription(GANTerm):
    """Nats per token that a captioner of this run needs to say the sentence of a generated image again.

    The captioner is `image_encoder` and `caption_decoder`. It learns in the discriminator's step, from real images and
    their sentences alone, so that it cannot agree with the generator on a code of their own; in the generator's step it
    stands still, in evaluation mode. `weight` is that of the generator's loss, `captioner_weight` that of the
    captioner's, `lr_multiplier` its multiple of the discriminator's learning rate. It sees all images through
    `pixel_noise`, a standard deviation: each real one through a share of it, generated ones through all of it.
    """

    needs = ("text",)

    def __init__(
        self,
        *,
        image_encoder: nn.Module,
        caption_decoder: nn.Module,
        weight: float = 1.0,
        captioner_weight: float = 1.0,
        lr_multiplier: float = 1.0,
        pixel_noise: float = 0.0,
        every: int = 1,
    ) -> None:
        super().__init__(weight=weight, every=every)
        self.captioner: Any = nn.ModuleDict({"image_encoder": image_encoder, "caption_decoder": caption_decoder})
        self.captioner_weight, self.lr_multiplier = captioner_weight, lr_multiplier
        self.real_noise, self.fake_noise = PixelNoise(pixel_noise, varies=True), PixelNoise(pixel_noise)

    @property
    def weights(self) -> dict[str, float]:
        return {"captioner_loss": self.captioner_weight}

    def discriminator_helpers(self) -> list[tuple[nn.Module, float]]:
        return [(self.captioner, self.lr_multiplier)]

    def discriminator_losses(self, step: DiscriminatorStep) -> Losses:
        assert step.prompts is not None
        images = self.real_noise(step.real.detach())
        return {"captioner_loss": self._nats(images, step.prompts.sentences.tokens)}

    def generator_losses(self, step: GeneratorStep) -> Losses:
        assert step.prompts is not None
        images = self.fake_noise(step.fake)
        # cuDNN's recurrent layers have no backward in evaluation mode
        with frozen(self.captioner), evaluating(self.captioner), torch.backends.cudnn.flags(enabled=False):
            return {"learned_redescription_loss": self._nats(images, step.prompts.sentences.tokens)}

    def _nats(self, images: Images, tokens: Tokens) -> Logits:
        features = self.captioner["image_encoder"](images)
        logits, _ = self.captioner["caption_decoder"](features, tokens[:, :-1])
        return sentence_nll(logits, tokens[:, 1:])
