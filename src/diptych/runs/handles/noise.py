"""What people say of noise, as generators take it: seeds, keys, latents."""

import operator
import secrets
from collections.abc import Sequence

from torch import Tensor

from diptych.config.errors import UserError

Seeds = int | Sequence[int] | None
"""One seed, one for each sentence, one for each image; None: a random one for each image."""
SEED_BITS = 32


def seeds_for(seed: Seeds, num_images: int) -> int | list[int]:
    """Seeds that are known: those that are given, or so many random ones."""
    if seed is None:
        return [secrets.randbits(SEED_BITS) for _ in range(num_images)]
    return [operator.index(one) for one in seed] if isinstance(seed, Sequence) else operator.index(seed)


def one_seed(seed: Seeds) -> int:
    """The seed of a call that has one noise: a random one for None."""
    known = seeds_for(seed, 1)
    if isinstance(known, list) and len(known) != 1:
        raise UserError(f"{len(known)} seeds: this has one noise; give one seed")
    return known[0] if isinstance(known, list) else known


def noise_of(
    noise: str | Tensor | None, noise_keys: Sequence[str] | None, num_sentences: int, num_images: int
) -> tuple[Sequence[str] | None, Tensor | None]:
    """A key for each sentence, and latents with a row for each image; None: the sentence's own, none given."""
    if noise is None:
        return noise_keys, None
    if isinstance(noise, Tensor):
        return noise_keys, noise.expand(num_sentences * num_images, *noise.shape[1:]) if len(noise) == 1 else noise
    if noise_keys is not None:
        raise UserError(f"noise={noise!r} is one key for all sentences, and noise_keys one for each: give one of them")
    return [noise] * num_sentences, None
