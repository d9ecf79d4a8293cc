"""Codes of all places at once, the surest first (MaskGIT, Chang et al. 2022, arXiv:2202.04200)."""

from jaxtyping import Bool, Float
from torch import Tensor

from diptych.decoding.codes import mask_ratio
from diptych.losses.codes import hidden_code_nll
from diptych.systems.prior.sampling import Codes, MaskedSampler
from diptych.systems.prior.system import CodePrior
from diptych.types import TextFeatures


class MaskedCodePrior(MaskedSampler, CodePrior):
    """`prior` says hidden codes; in training, a share of them is hidden that is drawn for each image."""

    asks_for = "hidden"

    @property
    def num_uniform(self) -> int:
        return 1 + self.prior.num_places

    def code_losses(
        self, codes: Codes, text: TextFeatures | None, uniform: Float[Tensor, "batch numbers"]
    ) -> dict[str, Float[Tensor, " batch"]]:
        hidden = hidden_places(uniform[:, 1:], mask_ratio(uniform[:, 0]))
        return {"code_nll": hidden_code_nll(self.prior(codes, hidden, text), codes, hidden)}


def hidden_places(
    uniform: Float[Tensor, "batch places"], ratio: Float[Tensor, " batch"]
) -> Bool[Tensor, "batch places"]:
    """That share of the places, at least one, chosen by a uniform number each."""
    number = (ratio * uniform.shape[1]).ceil().clamp_min(1)
    return uniform.argsort(dim=1).argsort(dim=1) < number[:, None]
