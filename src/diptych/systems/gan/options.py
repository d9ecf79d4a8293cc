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
from diptych.systems.text_to_image import SamplingOptions
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
            raise ValueError(f"style_mixing={self.style_mixing}: the first layer that another latent styles is 1 or more")

    @property
    def guides(self) -> bool:
        """Whether sentence vectors are moved."""
        return self.guidance_scale != 1


@runtime_checkable
class HasStyles(Protocol):
    """A generator whose layers are each given a style.

    Its buffer `mean_style` is that of many latents. (A buffer is no attribute that `isinstance` could look for.)
    """

    def styles(self, latents: Float[Tensor, "batch latent"], text: TextFeatures | None) -> Styles: ...

    def from_styles(self, styles: Styles) -> Images: ...


def check_fits(options: LatentOptions, generator: Any, *, has_sentences: bool, has_mean: bool) -> None:
    """Refuse by name what this generator cannot follow, before anything is computed."""
    if options.style_mixing is not None and not isinstance(generator, HasStyles):
        name = type(generator).__name__
        raise ValueError(f"style_mixing={options.style_mixing}: generator {name} has no styles; leave the option out")
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
    return generator.from_styles(_sampled_styles(generator, text, rngs, options))


def _sampled_styles(generator: Any, text: TextFeatures | None, rngs: ImageRngs, options: LatentOptions) -> Styles:
    styles = generator.styles(rngs.randn(generator.latent_dim), text)
    if options.style_mixing is not None:
        others = generator.styles(rngs.randn(generator.latent_dim), text)
        styles = mixed(styles, others, options.style_mixing)
    if options.truncation is not None:
        styles = torch.lerp(generator.mean_style.to(styles).expand_as(styles), styles, options.truncation)
    return styles


def mixed(styles: Styles, others: Styles, first_other: int) -> Styles:
    """The styles of layers from `first_other` on are those of `others`."""
    layers = styles.shape[1]
    if first_other >= layers:
        raise ValueError(f"style_mixing={first_other}: the generator has {layers} layers of styles; take 1 to {layers - 1}")
    return torch.cat([styles[:, :first_other], others[:, first_other:]], dim=1)
