"""What a caption costs: the negative log-likelihood of its tokens, and a penalty on attention that misses regions.

`targets` are the tokens to be said (the caption without <bos>): <eos> is one of them, <pad> costs nothing.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.types import PAD_ID


def token_nll(
    logits: Float[Tensor, "rows length vocabulary"],
    targets: Int[Tensor, "rows length"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, "rows length"]:
    """Nats per token, 0 on padding. With smoothing, that share of each target is spread evenly over the vocabulary."""
    return F.cross_entropy(
        logits.transpose(1, 2), targets, ignore_index=PAD_ID, label_smoothing=label_smoothing, reduction="none"
    )


def caption_nll(
    logits: Float[Tensor, "rows length vocabulary"],
    targets: Int[Tensor, "rows length"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, " rows"]:
    """Nats per real token of each caption, so that neither padding nor a longer phrasing changes the scale."""
    lengths = (targets != PAD_ID).sum(dim=1).clamp(min=1)
    return token_nll(logits, targets, label_smoothing).sum(dim=1) / lengths


def doubly_stochastic_penalty(
    attention: Float[Tensor, "rows length regions"], token_mask: Bool[Tensor, "rows length"]
) -> Float[Tensor, " rows"]:
    """Mean over regions of (1 - attention received over all real words) squared; Xu et al. 2015, equation 14.

    The paper sums over regions; the mean keeps one weight meaning the same on every grid.
    """
    received = (attention * token_mask.unsqueeze(-1)).sum(dim=1)
    return (1 - received).square().mean(dim=-1)
