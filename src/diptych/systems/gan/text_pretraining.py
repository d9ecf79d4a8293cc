"""A text encoder's text pretraining before the first picture is generated: what a frozen captioner would see.

The text encoder regresses the captioner's features of the real picture from its sentence, as in the image-text
pre-training of AttnGAN (Xu et al. 2018, arXiv:1711.10485) but by regression, against a captioner that is there
anyway, and inside the generator's own run. Within a few hundred steps it knows which attribute belongs to which object,
which an adversarial signal needs many thousand for; in-batch contrast never teaches who is above whom.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.losses.text_pretraining import pretraining_loss
from diptych.models.whitening import Whitening
from diptych.systems.devices import gather, own_share
from diptych.systems.gan.terms.redescription import FrozenCaptioner
from diptych.systems.schedules import Trapezoid
from diptych.types import Images, TextFeatures

PROJECTION_SEED = 0
DECAY_SHARE = 0.8
"""Of the text pretraining's images: over them the learning rate falls to zero."""


def check_whitening_is_learned(text_encoder: nn.Module | None) -> None:
    """Without text pretraining, refuse a text encoder whose whitening was never learned (a warm start may have)."""
    whitening = getattr(text_encoder, "whitening", None)
    if isinstance(whitening, Whitening) and whitening.count < 2:
        raise ValueError(
            "text_encoder.whitening_floor: sentence vectors are whitened after text pretraining, and there is none "
            "(system.pretraining_images=0): give some images and a captioner's run in parts.captioner.run, or choose "
            "text_encoder=gru_pooled"
        )


class TextPretraining:
    """First `learn_images` of regression, then `whitening_images` in which the whitening looks at what was learned.

    Afterwards the text encoder is left as it is. The target is a fixed random projection of all region features,
    standardised over the joint batch: distances survive it, and where things are is part of it. Not a module, so that
    the captioner is neither trained nor saved with the generator.
    """

    def __init__(
        self, captioner: FrozenCaptioner, text_encoder: nn.Module, *, learn_images: int, whitening_images: int
    ) -> None:
        whitening = getattr(text_encoder, "whitening", None)
        if not isinstance(whitening, Whitening):
            name = type(text_encoder).__name__
            raise ValueError(
                f"system.pretraining_images needs a text encoder that whitens; {name} does not: set it to 0"
            )
        self.image_encoder = captioner.image_encoder.eval().requires_grad_(False)
        self.whitening = whitening
        self.learn_images, self.whitening_images = learn_images, whitening_images
        self.schedule = Trapezoid(learn_images, decay_images=max(1, round(DECAY_SHARE * learn_images)))
        self.projection = torch.empty(0)

    def is_learning(self, images_seen: int) -> bool:
        """Whether the text encoder still learns at this image."""
        return images_seen <= self.learn_images

    def is_over(self, images_seen: int) -> bool:
        """Whether generating has begun."""
        return images_seen > self.images

    @property
    def images(self) -> int:
        """So many are seen before generating begins."""
        return self.learn_images + self.whitening_images

    def goes_on(self, images_seen_before: int, images_seen: int) -> bool:
        """Whether this batch is of the pretraining; `ValueError` at the first that is not, if nothing was whitened."""
        if not self.is_over(images_seen):
            return True
        if not self.is_over(images_seen_before):
            self.check_settled()
        return False

    def begin(self) -> None:
        """Start from sentence vectors as they are, whatever another run whitened them by."""
        self.whitening.reset()

    def check_settled(self) -> None:
        """Refuse to generate from sentence vectors that were never whitened."""
        if self.whitening.count < 2:
            raise ValueError(
                f"system.whitening_images={self.whitening_images}: no batch fell into them; give some batches' worth"
            )

    def loss(self, text: TextFeatures, images: Images) -> Float[Tensor, " batch"]:
        """Squared error per dimension, 1 for a text encoder that knows nothing."""
        return pretraining_loss(text.sentence, self._targets(images, text.sentence.shape[1]))

    def look(self, text: TextFeatures, images_seen: int) -> None:
        """Let the whitening see sentence vectors, and settle with the last of them."""
        sentences = gather(text.sentence)
        self.whitening.observe(sentences)
        if self.is_over(images_seen + len(sentences)):
            self.whitening.settle()

    @torch.no_grad()
    def _targets(self, images: Images, dim: int) -> Float[Tensor, "batch dim"]:
        regions = self.image_encoder(images).regions.flatten(1)
        standardised = own_share(F.batch_norm(gather(regions), None, None, training=True))
        if not len(self.projection):
            rng = torch.Generator().manual_seed(PROJECTION_SEED)
            self.projection = torch.randn(regions.shape[1], dim, generator=rng) / regions.shape[1] ** 0.5
        self.projection = self.projection.to(standardised)
        return standardised @ self.projection


def pretraining_of(
    captioner: FrozenCaptioner | None, text_encoder: nn.Module | None, learn_images: int, whitening_images: int
) -> TextPretraining | None:
    """Without a captioner there is none: a generator restored to generate needs neither."""
    if not learn_images or captioner is None or text_encoder is None:
        return None
    return TextPretraining(captioner, text_encoder, learn_images=learn_images, whitening_images=whitening_images)
