"""The sampling options of a GAN: truncation, guidance and style mixing, and how a generator follows them.

**Truncation** of latents draws those beyond the bound again (BigGAN, arXiv:1809.11096). A generator with styles pulls
them towards their mean instead (StyleGAN, arXiv:1812.04948): truncation 0.7 keeps 0.7 of the distance.

**Guidance** moves the sentence vector away from that of "no sentence", as classifier-free guidance moves predictions
(Ho & Salimans 2022, arXiv:2207.12598). A GAN that learned without dropped sentences has no vector for that, so ours is
the mean over training sentences, as a mean style is the origin of truncation. The vectors of words stay as they are.

**Style mixing** takes the styles of later layers from a second latent (StyleGAN).
"""

from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.systems.image_rngs import ImageRngs
from diptych.systems.sampling_options import SamplingOptions
from diptych.types import Images, TextFeatures

Styles = Float[Tensor, "batch layers style"]


@dataclass(frozen=True)
class LatentOptions(SamplingOptions):
    """`truncation` (less variety, safer images), `guidance_scale` (1: none) and `style_mixing` (the first other layer).

    `guidance_scale` 0 is the mean of sentences; above 1 the sentence is exaggerated.
    """

    truncation: float | None = None
    guidance_scale: float = 1.0
    style_mixing: int | None = None

    def __post_init__(self) -> None:
        if self.truncation is not None and not 0 < self.truncation < inf:
            raise ValueError(f"truncation={self.truncation} must be positive; leave it out for none")
        if not 0 <= self.guidance_scale < inf:
            raise ValueError(f"guidance_scale={self.guidance_scale} must be 0 or more; 1 is without guidance")
        if self.style_mixing is not None and self.style_mixing < 1:
            raise ValueError(f"style_mixing={self.style_mixing}: the first layer of another style is 1 or more")

    @property
    def guides(self) -> bool:
        """Whether sentence vectors are moved."""
        return self.guidance_scale != 1


@runtime_checkable
class HasStyles(Protocol):
    """A generator whose `num_styles` layers are each given a style; its `mean_style` is that of many latents."""

    def styles(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None) -> Styles: ...

    def from_styles(self, styles: Styles) -> Images: ...


@runtime_checkable
class HasNoise(Protocol):
    """A generator with styles that also gives layers noise, by the latents; `from_styles` takes it as well."""

    def noise(self, latents: Float[Tensor, "batch latent"]) -> Any: ...


def check_fits(options: LatentOptions, generator: Any, *, has_sentences: bool, has_mean: bool) -> None:
    """Refuse by name what this generator cannot follow, before anything is computed."""
    if options.style_mixing is not None:
        _check_mixing(options.style_mixing, generator)
    if options.guides and not has_sentences:
        raise ValueError(
            f"guidance_scale={options.guidance_scale}: this generator learned without sentences; leave the option out"
        )
    if options.guides and not has_mean:
        raise ValueError(
            f"guidance_scale={options.guidance_scale}: the checkpoint keeps no training sentences, whose mean guidance "
            "starts from; leave the option out, or train with data that list their captions"
        )


def guided(text: TextFeatures, origin: Float[Tensor, " dim"], scale: float) -> TextFeatures:
    """The sentence vectors at `scale` times their distance from the origin."""
    return text._replace(sentence=origin + scale * (text.sentence - origin))


def sampled(generator: Any, text: TextFeatures | None, rngs: ImageRngs, options: LatentOptions) -> Images:
    """An image for each of `rngs`; a second latent, where styles are mixed, is drawn after the first."""
    if not isinstance(generator, HasStyles):
        return generator(rngs.randn(generator.latent_dim, truncation=options.truncation), text)
    latents = rngs.randn(generator.latent_dim)  # pyright: ignore[reportAttributeAccessIssue]
    styles = generator.styles(latents, text)
    if options.style_mixing is not None:
        others = generator.styles(rngs.randn(latents.shape[1]), text)
        styles = torch.cat([styles[:, : options.style_mixing], others[:, options.style_mixing :]], dim=1)
    if options.truncation is not None:
        mean = generator.mean_style  # pyright: ignore[reportAttributeAccessIssue]
        styles = torch.lerp(mean.to(styles).expand_as(styles), styles, options.truncation)
    return from_styles(generator, styles, latents)


def from_styles(generator: HasStyles, styles: Styles, latents: Float[Tensor, "batch latent"]) -> Images:
    """Images of these styles, with the noise of these latents where the generator's layers have noise."""
    noise = (generator.noise(latents),) if isinstance(generator, HasNoise) else ()
    return generator.from_styles(styles, *noise)


def _check_mixing(first_other: int, generator: Any) -> None:
    if not isinstance(generator, HasStyles):
        name = type(generator).__name__
        raise ValueError(f"style_mixing={first_other}: generator {name} has no styles; leave the option out")
    layers = generator.num_styles  # pyright: ignore[reportAttributeAccessIssue]
    if first_other >= layers:
        raise ValueError(f"style_mixing={first_other}: the generator has {layers} styles; take 1 to {layers - 1}")
