"""What is logged of a GAN's step besides its losses."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor

from diptych.losses.adversarial import boundary_of
from diptych.types import Logits


def discriminator_figures(real_logits: Logits, fake_logits: Logits, objective: Any) -> dict[str, Tensor]:
    """What the discriminator says of real and generated images before its step, as means."""
    real, fake = real_logits.detach(), fake_logits.detach()
    return {
        "d_real": probability(real),
        "d_fake_before": probability(fake),
        "d_sign_fraction": (real > (boundary_of(objective) or 0.0)).to(real.dtype).mean(),
        "d_gap": (real - fake).mean(),
    }


def probability(logits: Logits) -> Float[Tensor, ""]:
    """Mean D(.), for the record."""
    return logits.detach().sigmoid().mean()


def without_repeats(*figures: Mapping[str, Any]) -> dict[str, Any]:
    """All of them in one table; no two may be logged under one name."""
    joined: dict[str, Any] = {}
    for name, value in (pair for some in figures for pair in some.items()):
        if name in joined:
            raise ValueError(f"terms: two losses are logged as train/{name}; give one of them another name")
        joined[name] = value
    return joined
