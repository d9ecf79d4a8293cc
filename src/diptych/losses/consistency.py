"""How far a discriminator's logits of two views of an image lie apart (CR-GAN, arXiv:1910.12027)."""

from diptych.types import Logits


def consistency_loss(logits: Logits, other_logits: Logits) -> Logits:
    """Their squared difference, Zhang et al. 2020 (equation 4); both sides learn."""
    return (logits - other_logits).square()
