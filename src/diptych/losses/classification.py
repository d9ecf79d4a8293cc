"""Negative log-likelihood of an image's labels, in nats per image."""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def label_nll(logits: Float[Tensor, "batch labels"], labels: Bool[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
    """Multi-label: independent labels, one sigmoid each, summed."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").sum(dim=1)


def class_nll(logits: Float[Tensor, "batch labels"], labels: Bool[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
    """Exactly one label holds: softmax over all labels."""
    return F.cross_entropy(logits, labels.to(logits.dtype), reduction="none")
