"""A frozen captioner inside a painter's loss."""

from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from diptych.losses.redescription import sentence_nll
from diptych.models.noise import PixelNoise
from diptych.types import DataSpec, Images, Tokens


class Teller(Protocol):
    """What a painter needs of a captioner; `diptych.systems.captioning.system.Captioner` has it."""

    data_spec: DataSpec
    image_encoder: nn.Module
    caption_decoder: nn.Module


class Redescription:
    """How hard it is for the teller to say again what a picture was painted from, in nats per token.

    Not a module, so that the teller is neither trained nor saved with the painter; `to` moves it. Token ids are
    translated word by word between the two vocabularies. The teller is frozen for good; gradients reach the pictures,
    which it sees through `pixel_noise`.
    """

    def __init__(self, teller: Teller, data_spec: DataSpec, pixel_noise: float = 0.0) -> None:
        _check_pictures(teller.data_spec, data_spec)
        self.image_encoder = teller.image_encoder.eval().requires_grad_(False)
        self.caption_decoder = teller.caption_decoder.eval().requires_grad_(False)
        self.teller_ids = teller_ids(data_spec, teller.data_spec)
        self.noise = PixelNoise(pixel_noise)

    def to(self, device: torch.device) -> None:
        """Take the teller where the painter is."""
        self.image_encoder.to(device)
        self.caption_decoder.to(device)
        self.teller_ids = self.teller_ids.to(device)

    def __call__(self, images: Images, tokens: Tokens) -> Float[Tensor, " batch"]:
        """`tokens` in the painter's ids, from <bos> to <eos> and padding."""
        translated = self.teller_ids[tokens]
        features = self.image_encoder(self.noise(images))
        # cuDNN's recurrent layers have no backward in evaluation mode
        with torch.backends.cudnn.flags(enabled=False):
            logits, _ = self.caption_decoder(features, translated[:, :-1])
        return sentence_nll(logits, translated[:, 1:])


def teller_ids(painter: DataSpec, teller: DataSpec) -> Int[Tensor, " vocabulary"]:
    """Element i: the teller's id of the painter's word i. The teller must know every word of the painter's."""
    if painter.tokenizer != teller.tokenizer:
        raise ValueError(
            f"teller: it reads {teller.tokenizer} tokens, this run {painter.tokenizer} tokens; "
            f"train one with tokenizer={painter.tokenizer}"
        )
    ids = {word: i for i, word in enumerate(teller.vocabulary)}
    missing = [word for word in painter.vocabulary if word not in ids]
    if missing:
        raise ValueError(
            f"teller: its vocabulary lacks {len(missing)} of this run's words ({', '.join(missing[:5])}); "
            "train one on the same sentences"
        )
    return torch.tensor([ids[word] for word in painter.vocabulary])


def _check_pictures(teller: DataSpec, painter: DataSpec) -> None:
    wanted, given = (f"{s.image_channels}x{s.image_size}x{s.image_size}" for s in (teller, painter))
    if wanted != given:
        raise ValueError(f"teller: it reads {wanted} pictures and this run paints {given}; train one on {painter.name}")
