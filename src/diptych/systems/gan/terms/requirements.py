"""What a GAN's networks may learn from besides the objective, and what each of these terms needs of them.

A term is known by the name under which its loss is logged; `system.<term>_weight` sets its weight.
"""

from collections.abc import Mapping
from typing import Any

OF_SENTENCES = ("mismatch_loss", "contrastive_loss", "generator_contrastive_loss", "redescription_loss")


def check_terms(weights: Mapping[str, float], discriminator: Any, text_encoder: Any, latent_encoder: Any) -> None:
    """Refuse terms that these networks cannot have, by the keys of the configuration that ask for them."""
    wanted = {name for name, weight in weights.items() if weight}
    _check_latents(wanted, latent_encoder)
    if "g_patch_loss" in wanted and not hasattr(discriminator, "patch_logits"):
        name = type(discriminator).__name__
        raise ValueError(f"system.patch_weight: discriminator {name} has no patch_logits(); set it to 0")
    of_sentences = [name.removesuffix("_loss") for name in OF_SENTENCES if name in wanted]
    if of_sentences and not text_encoder:
        raise ValueError(f"system.{of_sentences[0]}_weight needs sentences: choose a text_encoder, or set it to 0")
    if any("contrastive" in name for name in of_sentences) and not hasattr(discriminator, "embed"):
        name = type(discriminator).__name__
        raise ValueError(f"system.contrastive_weight: discriminator {name} has no embed(); set it to 0")


def _check_latents(wanted: set[str], latent_encoder: Any) -> None:
    if bool(latent_encoder) != ("reconstruction_loss" in wanted):
        raise ValueError(
            "system.reconstruction_weight and a latent_encoder need each other: choose both (such as "
            "latent_encoder=backbone system.reconstruction_weight=50) or neither (latent_encoder=null "
            "system.reconstruction_weight=0)"
        )
    if not latent_encoder and wanted & {"kl_loss", "latent_loss"}:
        raise ValueError("system.kl_weight and .latent_weight need a latent_encoder: choose one, or set them to 0")
