"""CLIP (Radford et al. 2021, arXiv:2103.00020) whole: images and sentences to vectors of one space, by `transformers`.

It measures, and learns nothing. Images are enlarged or reduced as its own preprocessing does: bicubic, the shorter side
to its size, the centre cropped, its mean and spread.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.features import in_colour
from diptych.models.image_encoders.clip_pixels import clip_normalisation
from diptych.models.text_encoders.pretrained.source import folder_of, opened
from diptych.models.text_encoders.pretrained.tokens import SubwordTokenizer
from diptych.types import Images

ROLE = "clip"
AT_ONCE = 64


class Clip(nn.Module):
    """Frozen. `pretrained` is a folder that `save_pretrained` has written, `pkg://PACKAGE/FOLDER` or a hub's name."""

    def __init__(self, pretrained: str) -> None:
        super().__init__()
        network, blueprint = opened("CLIPModel", pretrained, role=ROLE)
        self.pretrained, self.network = pretrained, network
        places = min(blueprint.most_tokens, int(network.config.text_config.max_position_embeddings))
        self.end = int(network.config.text_config.eos_token_id)
        self.tokenizer = SubwordTokenizer(replace(blueprint, most_tokens=places), max_length=None, empty=self.end)
        self.size = int(network.config.vision_config.image_size)
        self.normalise = clip_normalisation(folder_of(pretrained, role=ROLE))
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def image_vectors(self, images: Images) -> Float[Tensor, "batch dim"]:
        """A vector of length 1 for each image in [-1, 1]."""
        parts = [self._of_images(part.to(self._device)).cpu() for part in images.split(AT_ONCE)]
        return F.normalize(torch.cat(parts), dim=1)

    @torch.no_grad()
    def sentence_vectors(self, sentences: Sequence[str]) -> Float[Tensor, "batch dim"]:
        """A vector of length 1 for each sentence; what does not fit into the network's places is cut off."""
        parts = [self._of_sentences(sentences[i : i + AT_ONCE]).cpu() for i in range(0, len(sentences), AT_ONCE)]
        return F.normalize(torch.cat(parts), dim=1)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _of_images(self, images: Images) -> Tensor:
        pixels = self.normalise(_square(in_colour(images), self.size))
        seen = self.network.vision_model(pixel_values=pixels)
        return self.network.visual_projection(seen.pooler_output)

    def _of_sentences(self, sentences: Sequence[str]) -> Tensor:
        """The network is causal and reads a sentence at its first end token, so that padding changes nothing."""
        rows = self.tokenizer(sentences)
        longest = max(map(len, rows))
        tokens = torch.tensor([row + [self.end] * (longest - len(row)) for row in rows], device=self._device)
        return self.network.text_projection(self.network.text_model(input_ids=tokens).pooler_output)


def _square(images: Images, size: int) -> Float[Tensor, "batch channels size size"]:
    """The shorter side `size`, then the centre."""
    height, width = images.shape[-2:]
    scale = size / min(height, width)
    shape = (max(size, round(height * scale)), max(size, round(width * scale)))
    if shape != (height, width):
        images = F.interpolate(images, shape, mode="bicubic", antialias=True).clamp(-1, 1)
    top, left = (shape[0] - size) // 2, (shape[1] - size) // 2
    return images[..., top : top + size, left : left + size]
