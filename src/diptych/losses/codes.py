"""How hard it is to say an image's codes, in nats a code."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F


def code_nll(
    logits: Float[Tensor, "batch places codes"], codes: Int[Tensor, "batch places"]
) -> Float[Tensor, "batch places"]:
    """Cross-entropy at every place, in float32 at least."""
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(logits.flatten(0, 1), codes.flatten(), reduction="none").unflatten(0, codes.shape)


def hidden_code_nll(
    logits: Float[Tensor, "batch places codes"],
    codes: Int[Tensor, "batch places"],
    hidden: Bool[Tensor, "batch places"],
) -> Float[Tensor, " batch"]:
    """Mean cross-entropy of each image's hidden codes."""
    return (code_nll(logits, codes) * hidden).sum(dim=1) / hidden.sum(dim=1).clamp_min(1)
