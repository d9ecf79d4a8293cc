"""What a term may see of a GAN's step: images, sentences, features and logits of both sides.

Images are as they were drawn and generated; features and logits are of what the discriminator sees through the step's
`views`, which are those images where no augmentation is chosen.

Images are in [-1, 1]; logits are float32, one an image; everything is of this device's share of the joint batch.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from diptych.losses.adversarial import Objective
from diptych.systems.gan.augmentations.views import UNCHANGED, Views
from diptych.systems.gan.mismatches import Mismatched
from diptych.systems.terms.steps import ImageStep
from diptych.types import Images, Logits, TextFeatures


@dataclass(frozen=True)
class Step(ImageStep):
    """What all steps share; `turn` counts the discriminator's.

    `earlier_stages` are the smaller images that a generator in stages made on the way to `fake`, with gradients where
    `fake` has them. `views.real(real)` and `views.fake(fake)` are what the discriminator sees.
    """

    networks: "Networks"
    earlier_stages: tuple[Images, ...] = field(default=(), kw_only=True)
    views: Views = field(default=UNCHANGED, kw_only=True, repr=False)

    def shared(self, **changed: Any) -> dict[str, Any]:
        """The fields of every step, some of them changed, to make another step of them."""
        return {field.name: getattr(self, field.name) for field in fields(Step)} | changed


@dataclass(frozen=True)
class Networks:
    """The networks and the objective of a GAN, as terms use them."""

    generator: Any
    discriminator: Any
    objective: Objective
    text_encoder: nn.Module | None = None

    def score(self, features: Any, text: TextFeatures | None) -> Logits:
        """The discriminator's logits of encoded images, in float32 whatever the networks compute in."""
        return self.discriminator.score(features, text).float()

    def judge(self, seen: Images, text: TextFeatures | None) -> tuple[Any, Logits]:
        """Features and logits of images as the discriminator sees them."""
        features = self.discriminator.encode(seen)
        return features, self.score(features, text)


@dataclass(frozen=True)
class GenerationStep(Step):
    """The generator's step before the discriminator is asked; `text` is the generator's reading.

    `fake` was generated from `latents` and carries the generator's gradient.
    """

    latents: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class DiscriminatorStep(Step):
    """The discriminator's step: `text` is its own reading, `fake` carries no gradient.

    `real` and `fake` require a gradient where a term needs "image_gradients"; logits and features depend on them.
    `mismatched` is None where no real image is judged with a wrong sentence.
    """

    real_features: Any = field(repr=False)
    fake_features: Any = field(repr=False)
    real_logits: Logits
    fake_logits: Logits
    mismatched: Mismatched | None = None


@dataclass(frozen=True)
class GeneratorStep(GenerationStep):
    """The generator's step: the discriminator is frozen, and gradients pass through it to `fake`.

    `text` is the discriminator's reading, without gradient. `real_features` and `real_logits` have no gradient, and
    are of the same batch: those of the discriminator's step, or what the discriminator says now where the objective or
    a term needs "fresh_reals".
    """

    real_features: Any = field(repr=False)
    fake_features: Any = field(repr=False)
    real_logits: Logits
    fake_logits: Logits
