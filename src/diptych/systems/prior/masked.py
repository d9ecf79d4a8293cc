"""Codes of all places at once, the surest first (MaskGIT, Chang et al. 2022, arXiv:2202.04200)."""

from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diptych.decoding.codes import drawn, mask_ratio, num_hidden
from diptych.losses.codes import hidden_code_nll
from diptych.systems.prior.options import MaskedOptions
from diptych.systems.prior.system import CodePrior, Codes, joined
from diptych.types import TextFeatures


class MaskedCodePrior(CodePrior):
    """`prior` says hidden codes; in training, a share of them is hidden that is drawn for each image."""

    options: ClassVar[Any] = MaskedOptions
    asks_for = "hidden"

    @property
    def num_uniform(self) -> int:
        return 1 + self.prior.num_places

    def code_losses(
        self, codes: Codes, text: TextFeatures | None, uniform: Float[Tensor, "batch numbers"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        hidden = hidden_places(uniform[:, 1:], mask_ratio(uniform[:, 0]))
        return {"code_nll": hidden_code_nll(self.prior(codes, hidden, text), codes, hidden)}

    def check_options(self, options: Any) -> None:
        super().check_options(options)
        if options.steps_for(self.prior.num_places) > self.prior.num_places:
            raise ValueError(f"steps={options.steps}: there are {self.prior.num_places} codes; take at most as many")

    def sample_codes(
        self, prior: Any, text: TextFeatures | None, others: TextFeatures | None, rngs: Any, options: Any
    ) -> Codes:
        number, places, told = len(rngs), prior.num_places, joined(text, others)
        codes = torch.zeros(number, places, dtype=torch.long, device=self.device)
        hidden = torch.ones_like(codes, dtype=torch.bool)
        counts = num_hidden(places, options.steps_for(places))
        for step, left in enumerate(counts):
            twice = 1 if others is None else 2
            logits = prior(codes.repeat(twice, 1), hidden.repeat(twice, 1), told)
            logits = self.guided(logits, number, options)
            said = drawn(logits, rngs.rand(places), temperature=options.temperature)
            sure = logits.float().log_softmax(dim=-1).gather(2, said[..., None])[..., 0]
            noise = -(-rngs.rand(places).clamp(1e-9, 1 - 1e-7).log()).log()
            sure = sure + options.order_noise * (1 - (step + 1) / len(counts)) * noise.to(sure)
            codes = torch.where(hidden, said, codes)
            hidden = _least_sure(sure.masked_fill(~hidden, float("inf")), left)
            self.sampling.reach((step + 1) / len(counts))
        return codes


def hidden_places(
    uniform: Float[Tensor, "batch places"], ratio: Float[Tensor, " batch"]
) -> Bool[Tensor, "batch places"]:
    """That share of the places, at least one, chosen by a uniform number each."""
    number = (ratio * uniform.shape[1]).ceil().clamp_min(1)
    return uniform.argsort(dim=1).argsort(dim=1) < number[:, None]


def _least_sure(sure: Float[Tensor, "batch places"], number: int) -> Bool[Tensor, "batch places"]:
    return sure.argsort(dim=1).argsort(dim=1) < number
