"""A bidirectional transformer that says hidden codes (MaskGIT, Chang et al. 2022, arXiv:2202.04200)."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.models.priors.code_transformer import CodeTransformer
from diptych.types import TextFeatures


class MaskedPrior(CodeTransformer):
    """Says hidden codes, given those that are seen.

    One register stands before the codes, as in Halton-MaskGIT.
    """

    says = "hidden"
    num_registers = 1

    def forward(
        self, codes: Int[Tensor, "batch places"], hidden: Bool[Tensor, "batch places"], text: TextFeatures | None = None
    ) -> Float[Tensor, "batch places codes"]:
        """Of every place's code, where those of `hidden` places are not seen."""
        number, places = codes.shape
        condition, words, mask = self.prefix(text, number)
        assert self.registers is not None
        own = self.codes(codes.masked_fill(hidden, self.instead)) + self.at_places()
        tokens = torch.cat([words, self.registers.expand(number, -1, -1), own], dim=1)
        seen = torch.cat([mask, mask.new_ones(number, places + 1)], dim=1)[:, None, None]
        for block in self.blocks:
            tokens = block(tokens, condition, seen)
        return self.logits(tokens[:, -places:], condition)
