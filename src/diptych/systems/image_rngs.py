"""Latents that depend on what is asked for and on nothing else, so that a picture can be generated again."""

import hashlib
from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor


def latents_for(
    pictures: Iterable[tuple[str, int]], *, latent_dim: int, seed: int, truncation: float | None = None
) -> Float[Tensor, "pictures latent"]:
    """Standard normal latents for picture number i of a sentence, as a function of (seed, sentence, i) alone.

    With `truncation`, values beyond it are drawn again (BigGAN, arXiv:1809.11096): less variety, safer pictures.
    """
    if truncation is not None and truncation <= 0:
        raise ValueError(f"truncation={truncation} must be positive; leave it out for none")
    rngs = [_generator(seed, sentence, i) for sentence, i in pictures]
    return torch.stack([_draw(latent_dim, rng, truncation) for rng in rngs])


def _generator(seed: int, sentence: str, i: int) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {i} {sentence}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


def _draw(latent_dim: int, rng: torch.Generator, truncation: float | None) -> Float[Tensor, " latent"]:
    latents = torch.empty(latent_dim)
    if truncation is None:
        return latents.normal_(generator=rng)
    return torch.nn.init.trunc_normal_(latents, a=-truncation, b=truncation, generator=rng)
