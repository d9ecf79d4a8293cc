"""What is logged of a GAN's step besides its losses."""

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
