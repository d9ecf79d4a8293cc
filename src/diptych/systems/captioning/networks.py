"""Captions by two networks: an image encoder, and a caption decoder that says them token by token."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.losses.captioning import caption_nll
from diptych.systems.captioning.captions import SaysCaptions, Speaker
from diptych.systems.inference.exportable import Exportable
from diptych.systems.inference.graphs import Graph, captioning_graphs
from diptych.types import ImageFeatures, Images, Tokens


class NetworkSpeaker(SaysCaptions, Exportable):
    """Says captions with an `image_encoder` and a `caption_decoder`; it needs no training."""

    task = "captioning"
    networks: ClassVar[tuple[str, ...]] = ("image_encoder", "caption_decoder")
    image_encoder: Any
    caption_decoder: Any
    training: bool

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        made: dict[str, Graph] = {}

        def one(name: str) -> Graph:
            made.update({} if made else captioning_graphs(self))
            return made[name]

        return {name: partial(one, name) for name in ("encoder", "step")}

    def features(self, images: Images) -> ImageFeatures:
        """What the decoder is given of images; a family of captioners may add to what the encoder sees."""
        return self.image_encoder(images)

    def speaker(self, images: Images) -> Speaker:
        """What says captions of these images, which are encoded once."""
        features, decoder = self.features(images), self.caption_decoder
        memory = decoder.encode_memory(features)

        def step(tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
            return decoder.step(tokens, memory, state)

        return Speaker(step, decoder.initial_state(memory), partial(decoder, features))

    def negative_log_likelihood(self, images: Images, tokens: Tokens) -> Float[Tensor, " rows"]:
        """Nats per token of these captions (<bos> to <eos>, padded; k rows per image), differentiable in pixels.

        A frozen captioner in evaluation mode gives a re-description loss (Qiao et al. 2019, arXiv:1903.05854).
        """
        features = self.features(images)
        with torch.backends.cudnn.flags(enabled=self.training):  # its recurrent layers have no backward in eval mode
            logits, _ = self.caption_decoder(features, tokens[:, :-1])
        return caption_nll(logits, tokens[:, 1:])
