"""What a round of the game begins with, and what the discriminator's step leaves for the generator's."""

from typing import Any, NamedTuple, Self

from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map

from diptych.systems.gan.augmentations.views import UNCHANGED, Views
from diptych.systems.gan.mismatches import Mismatches
from diptych.systems.gan.steps import DiscriminatorStep, GenerationStep
from diptych.systems.pairing import Prompts
from diptych.types import Images, Logits, Sentences


class Drawn(NamedTuple):
    """Real images and all that is drawn for them; it can be computed in parts.

    `wrong` holds the mismatched sentences themselves, which may be of another part. It is None where the batch is
    computed at once: their reading is there already. `views` are how the discriminator's step sees images, and
    `later_views` how the generator's step does.
    """

    images: Images
    prompts: Prompts | None
    latents: Float[Tensor, "batch latent"]
    mismatches: Mismatches | None
    wrong: Sentences | None
    views: Views = UNCHANGED
    later_views: Views = UNCHANGED


class Judged(NamedTuple):
    """What the discriminator's step has seen of one part; `generation` is None where it has to be generated again."""

    generation: GenerationStep | None
    real_features: Any
    real_logits: Logits

    @classmethod
    def of(cls, step: DiscriminatorStep, generation: GenerationStep | None) -> Self:
        """Without gradients: features are a tensor, or tuples, lists and dicts of tensors."""
        detach = lambda part: part.detach() if isinstance(part, Tensor) else part  # noqa: E731
        return cls(generation, tree_map(detach, step.real_features), step.real_logits.detach())
