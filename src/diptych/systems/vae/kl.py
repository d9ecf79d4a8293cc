"""How the divergence of latents from their prior counts: its growth, free bits, and what may be set of them."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.systems.devices import joint_mean


def growth(images_seen: int, warmup_images: int) -> float:
    """How far the weight of the latents' nats has grown, from 0 to 1 (KL annealing, arXiv:1511.06349)."""
    return min(1.0, images_seen / warmup_images) if warmup_images else 1.0


def counted_nats(kl: Float[Tensor, "batch latent"], free_nats: float) -> Float[Tensor, " batch"]:
    """Nats of each example, where latents that cost little on average over the joint batch count for nothing.

    Free bits (Kingma et al. 2016, arXiv:1606.04934): a latent below `free_nats` is not pressed further.
    """
    if not free_nats:
        return kl.sum(dim=1)
    presses = joint_mean(kl.detach()) > free_nats
    return torch.where(presses, kl, kl.new_full((), free_nats)).sum(dim=1)


def check_kl_settings(*, kl_weight: float = 1.0, kl_warmup_images: int = 0, free_nats: float = 0.0, **_: Any) -> None:
    """Refuse values of `system` that no step could follow."""
    if kl_weight < 0:
        raise ValueError(f"system.kl_weight={kl_weight:g}: give 0 or more")
    if kl_warmup_images < 0:
        raise ValueError(f"system.kl_warmup_images={kl_warmup_images}: give 0 (none) or more")
    if free_nats < 0:
        raise ValueError(f"system.free_nats={free_nats:g}: give 0 (none) or more")
