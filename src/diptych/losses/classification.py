"""What it costs to name what is in a picture: the negative log-likelihood of its labels, in nats a picture."""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def label_nll(logits: Float[Tensor, "batch labels"], labels: Bool[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
    """Of labels that hold or not each for itself (a sigmoid each)."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none").sum(dim=1)


def class_nll(logits: Float[Tensor, "batch labels"], labels: Bool[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
    """Of the one label that holds (a softmax over all)."""
    return F.cross_entropy(logits, labels.to(logits.dtype), reduction="none")
