"""Codes one after the other, each given those before it (VQ-VAE, arXiv:1711.00937; LlamaGen, arXiv:2406.06525)."""

from jaxtyping import Float
from torch import Tensor

from diptych.losses.codes import code_nll
from diptych.systems.prior.sampling import AutoregressiveSampler, Codes
from diptych.systems.prior.system import CodePrior
from diptych.types import TextFeatures


class AutoregressiveCodePrior(AutoregressiveSampler, CodePrior):
    """`prior` says the next code."""

    asks_for = "next"

    def code_losses(
        self, codes: Codes, text: TextFeatures | None, uniform: Float[Tensor, "batch numbers"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        return {"code_nll": code_nll(self.prior(codes, text), codes).mean(dim=1)}
