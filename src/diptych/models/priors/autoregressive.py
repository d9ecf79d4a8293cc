"""An autoregressive transformer over codes, row by row (DALL-E, arXiv:2102.12092; LlamaGen, 2406.06525).

The token at a place says the code there: it is made of the code before it and of where it stands. Words of the
sentence stand before all codes.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.models.priors.blocks import KeyValues
from diptych.models.priors.code_transformer import CodeTransformer
from diptych.types import TextFeatures

Codes = Int[Tensor, "batch places"]


class Heard(NamedTuple):
    """What is kept of the tokens so far: of every layer, which words are words, the condition, and how many codes."""

    layers: list[KeyValues]
    mask: Tensor
    condition: Tensor
    places: int


class AutoregressivePrior(CodeTransformer):
    """Says the next code, given those before it."""

    says = "next"

    def forward(self, codes: Codes, text: TextFeatures | None = None) -> Float[Tensor, "batch places codes"]:
        """Of every place's code, given those before it; from the codes of all places."""
        number, places = codes.shape
        condition, words, mask = self.prefix(text, number)
        before = torch.cat([codes.new_full((number, 1), self.instead), codes[:, :-1]], dim=1)
        tokens = torch.cat([words, self.codes(before) + self.at_places()[:places]], dim=1)
        seen = _seen(mask, places)
        for block in self.blocks:
            tokens = block(tokens, condition, seen)
        return self.logits(tokens[:, words.shape[1] :], condition)

    def begin(self, text: TextFeatures | None, number: int) -> Heard:
        """Hear the words; nothing is said yet."""
        condition, words, mask = self.prefix(text, number)
        layers = [block.room(number, words.shape[1] + self.num_places, condition) for block in self.blocks]  # pyright: ignore[reportCallIssue]
        seen, tokens = mask[:, None, None].expand(-1, 1, mask.shape[1], -1), words
        if words.shape[1]:
            for block, kept in zip(self.blocks, layers, strict=True):
                tokens = block(tokens, condition, seen, kept)
        return Heard(layers, mask, condition, 0)

    def step(self, before: Int[Tensor, " batch"] | None, heard: Heard) -> tuple[Float[Tensor, "batch codes"], Heard]:
        """Of the code at the next place, after the code `before` it (None: at the first place)."""
        layers, mask, condition, place = heard
        if before is None:
            before = torch.full((len(condition),), self.instead, device=condition.device)
        tokens = (self.codes(before) + self.at_places()[place])[:, None]
        said = mask.new_ones(len(mask), place + 1)
        seen = torch.cat([mask, said], dim=1)[:, None, None]
        for block, kept in zip(self.blocks, layers, strict=True):
            tokens = block(tokens, condition, seen, kept, start=mask.shape[1] + place)
        return self.logits(tokens, condition)[:, 0], heard._replace(places=place + 1)


def _seen(mask: Tensor, places: int) -> Tensor:
    """Words see words; codes see words and what was said before."""
    number, words = mask.shape
    seen = mask.new_zeros(number, words + places, words + places)
    seen[:, :, :words] = mask[:, None]
    seen[:, words:, words:] = torch.ones(places, places, dtype=torch.bool, device=mask.device).tril()
    return seen[:, None]
