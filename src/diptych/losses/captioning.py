"""Losses of captions: negative log-likelihood of the tokens, and the doubly stochastic attention penalty.

`targets` are the captions without <bos>: <eos> is a target, <pad> is not.
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
    """Nats per token, 0 on padding. Smoothing spreads that share of each target evenly over the vocabulary."""
    return F.cross_entropy(
        logits.transpose(1, 2), targets, ignore_index=PAD_ID, label_smoothing=label_smoothing, reduction="none"
    )


def caption_nll(
    logits: Float[Tensor, "rows length vocabulary"],
    targets: Int[Tensor, "rows length"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, " rows"]:
    """Mean nats per real token of each caption: neither padding nor length changes the scale."""
    lengths = (targets != PAD_ID).sum(dim=1).clamp(min=1)
    return token_nll(logits, targets, label_smoothing).sum(dim=1) / lengths


def doubly_stochastic_penalty(
    attention: Float[Tensor, "rows length regions"], token_mask: Bool[Tensor, "rows length"]
) -> Float[Tensor, " rows"]:
    """Mean over regions of (1 - attention summed over real tokens) squared; Xu et al. 2015, equation 14.

    The paper sums over regions; with the mean, one weight suits every grid size.
    """
    received = (attention * token_mask.unsqueeze(-1)).sum(dim=1)
    return (1 - received).square().mean(dim=-1)
