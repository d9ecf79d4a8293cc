"""Re-description by a frozen captioner (Qiao et al. 2019, arXiv:1903.05854)."""

from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.losses.redescription import sentence_nll
from diptych.models.borrowed import Borrowed
from diptych.models.noise import PixelNoise
from diptych.systems.terms.base import Losses, Term
from diptych.systems.terms.lenders import check_pictures, check_words
from diptych.systems.terms.steps import ImageStep
from diptych.types import DataSpec, Images, Tokens


class FrozenCaptioner(Protocol):
    """What a generator needs of a captioner; `diptych.systems.captioning.system.Captioner` has it."""

    data_spec: DataSpec
    image_encoder: nn.Module
    caption_decoder: nn.Module


class Redescription(Term):
    """Nats per token that the captioner needs to say the sentence of a generated image again.

    The captioner sees the images through `pixel_noise`, a standard deviation in pixels' units, so that its gradients
    mean shapes. Without a captioner (a run restored to generate) the term cannot train.
    """

    needs = ("text", "captioner")

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        captioner: FrozenCaptioner | None = None,
        weight: float = 1.0,
        pixel_noise: float = 0.0,
        every: int = 1,
    ) -> None:
        super().__init__(weight=weight, every=every)
        self.scorer = None if captioner is None else CaptionScorer(captioner, data_spec, pixel_noise)

    def begin(self) -> None:
        if self.scorer is None:
            raise ValueError("terms.redescription needs a frozen captioner: name its run in parts.captioner.run")

    def image_losses(self, step: ImageStep) -> Losses:
        assert self.scorer is not None
        assert step.prompts is not None
        return {"redescription_loss": self.scorer(step.fake, step.prompts.sentences.tokens)}


class CaptionScorer(nn.Module):
    """How hard it is for the captioner to say again what an image was generated from, in nats per token.

    Token ids are translated word by word between the two vocabularies. The captioner is frozen for good; gradients
    reach the images, which it sees through `pixel_noise`.
    """

    captioner_ids: Tensor

    def __init__(self, captioner: FrozenCaptioner, data_spec: DataSpec, pixel_noise: float = 0.0) -> None:
        super().__init__()
        check_pictures("captioner", captioner.data_spec, data_spec)
        self.image_encoder = Borrowed(captioner.image_encoder.eval().requires_grad_(False))
        self.caption_decoder = Borrowed(captioner.caption_decoder.eval().requires_grad_(False))
        self.register_buffer("captioner_ids", captioner_ids(data_spec, captioner.data_spec), persistent=False)
        self.noise = PixelNoise(pixel_noise)

    def forward(self, images: Images, tokens: Tokens) -> Float[Tensor, " batch"]:
        """`tokens` in the generator's ids, from <bos> to <eos> and padding."""
        translated = self.captioner_ids[tokens]
        features = self.image_encoder.network(self.noise(images))
        # cuDNN's recurrent layers have no backward in evaluation mode
        with torch.backends.cudnn.flags(enabled=False):
            logits, _ = self.caption_decoder.network(features, translated[:, :-1])
        return sentence_nll(logits, translated[:, 1:])


def captioner_ids(generator: DataSpec, captioner: DataSpec) -> Int[Tensor, " vocabulary"]:
    """Element i: the captioner's id of the generator's word i; it must know every one."""
    check_words("captioner", captioner, generator)
    ids = {word: i for i, word in enumerate(captioner.vocabulary)}
    return torch.tensor([ids[word] for word in generator.vocabulary])
