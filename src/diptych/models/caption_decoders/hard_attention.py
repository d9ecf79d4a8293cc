"""An LSTM that looks at one region a word: the hard attention of Show, Attend and Tell (section 4.1).

It is the soft decoder with another choice. What it decodes, and what it is asked to score, is by the likeliest region.
`caption_objective=hard_attention` samples regions instead (`read`), and teaches the attention by REINFORCE, as the
paper. Any other objective teaches it by the straight-through gradient (Bengio et al. 2013, arXiv:1308.3432): that of
soft attention at the likeliest region, which is biased.
"""

from torch import Tensor
from torch.nn import functional as F

from diptych.models.caption_decoders.attention import AttentionLSTMDecoder, Weights


class HardAttentionLSTMDecoder(AttentionLSTMDecoder):
    """The context is the likeliest region; `attention` holds the probabilities of all."""

    chooses_regions = True
    """It looks at one region a word, and may be told which; so the draws of regions can be rewarded."""

    @staticmethod
    def choose(weights: Weights) -> Weights:
        """One on the likeliest region (the first of equals), zero elsewhere; the gradient is that of `weights`."""
        return one_region(weights.argmax(dim=-1), weights) + (weights - weights.detach())


def one_region(region: Tensor, weights: Weights) -> Weights:
    """One on the region of this number, zero elsewhere, in the form of `weights`; no gradient."""
    return F.one_hot(region, weights.shape[-1]).to(weights.dtype)
