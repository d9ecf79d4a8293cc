"""Codes one after the other, each given those before it (VQ-VAE, arXiv:1711.00937; LlamaGen, arXiv:2406.06525)."""

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.decoding.codes import drawn
from diptych.losses.codes import code_nll
from diptych.systems.prior.options import AutoregressiveOptions
from diptych.systems.prior.system import CodePrior, Codes, joined
from diptych.types import TextFeatures


class AutoregressiveCodePrior(CodePrior):
    """`prior` says the next code; what it has heard is kept, so that each code is computed once."""

    options: ClassVar[Any] = AutoregressiveOptions
    asks_for = "next"

    def code_losses(
        self, codes: Codes, text: TextFeatures | None, uniform: Float[Tensor, "batch numbers"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        return {"code_nll": code_nll(self.prior(codes, text), codes).mean(dim=1)}

    def sample_codes(
        self, prior: Any, text: TextFeatures | None, others: TextFeatures | None, rngs: Any, options: Any
    ) -> Codes:
        number, uniform = len(rngs), rngs.rand(prior.num_places)
        told = joined(text, others)
        heard = prior.begin(told, number if others is None else 2 * number)
        codes: list[Tensor] = []
        for place in range(prior.num_places):
            before = None if not codes else codes[-1].repeat(1 if others is None else 2)
            logits, heard = prior.step(before, heard)
            logits = self.guided(logits, number, options)
            codes.append(drawn(logits, uniform[:, place], temperature=options.temperature, top_p=options.top_p))
            self.sampling.reach((place + 1) / prior.num_places)
        return torch.stack(codes, dim=1)
