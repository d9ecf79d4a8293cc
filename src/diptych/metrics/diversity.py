"""How much a generator's images differ by pixels, relative to real ones: between latents, and between sentences.

Both are standard deviations per pixel, root mean square over pixels: of the images of one sentence (over latents), and
of the images of one latent (over sentences). 1 is the spread of real images of all sentences together. A generator that
gives one image whatever it is asked has neither; one that ignores its sentence lacks the second.
"""

from collections.abc import Mapping
from math import inf

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import Images

LATENTS, SENTENCES = "latent_diversity", "sentence_diversity"
DUPLICATES = "duplicate_rate"
NEAR = 0.02
"""Below this share of the range of pixels, people see the same image: five of 255 grey levels."""
BETWEEN = {LATENTS: "latents", SENTENCES: "sentences"}
LEAST = 0.3
"""Below this share of the real images' spread in both, people see the same image in all tiles of a sheet. A DCGAN on
digits that has collapsed has 0.22 and 0.10, one that has not 0.99."""
LEAST_OF_SENTENCES = 0.1
"""Below this, images are what their latents say alone. Noise that a generator gave for photographs had 0.07 to 0.09;
the recipes for digits have 0.78 and more at their end, and 0.16 and more at a fifth of their budget."""


def diversity(
    grid: Float[Tensor, "sentences latents channels height width"],
    real: Float[Tensor, "n channels height width"],
) -> dict[str, float]:
    """Each figure by its name; those that exist: it takes two latents, two sentences, and real images that differ.

    Every sentence's images come from the same latents, in the same order.
    """
    spread = _variance(real.float(), dim=0) if len(real) > 1 else 0.0
    if spread <= 0:
        return {}
    figures = {LATENTS: 1, SENTENCES: 0}
    exact = grid.float()
    return {name: (_variance(exact, dim) / spread) ** 0.5 for name, dim in figures.items() if grid.shape[dim] > 1}


def duplicates(grid: Float[Tensor, "sentences latents channels height width"]) -> dict[str, float]:
    """The share of images that another latent gave nearly alike, whatever the sentence; empty for a single latent.

    Nearly alike: root mean square difference over pixels below `NEAR` of the range of pixels, 2.
    """
    sentences, latents = grid.shape[:2]
    if latents < 2:
        return {}
    flat = grid.float().flatten(0, 1).flatten(1)
    apart = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist") / flat.shape[1] ** 0.5
    numbers = torch.arange(latents).repeat(sentences)
    apart[numbers[:, None] == numbers] = inf
    return {DUPLICATES: float((apart.amin(dim=1) < 2 * NEAR).float().mean())}


def why_collapsed(figures: Mapping[str, float]) -> str:
    """That all images are alike, or ignore their sentences, in words; "" otherwise, and where nobody measured it."""
    measured = {name: figures[name] for name in BETWEEN if name in figures}
    if LATENTS not in measured:
        return ""
    words = " and ".join(f"{100 * value:.1f} % between {BETWEEN[name]}" for name, value in measured.items())
    spread = f"spread {words} (real images: 100 %)"
    if all(value < LEAST for value in measured.values()):
        return f"collapsed: all images are nearly the same, whatever is asked; {spread}"
    if measured.get(SENTENCES, 1.0) < LEAST_OF_SENTENCES:
        return f"ignores its sentences: other sentences give nearly the same images; {spread}"
    return ""


def _variance(images: Images | Tensor, dim: int) -> float:
    """Unbiased over this axis, mean over all others."""
    return float(images.var(dim=dim).mean())
