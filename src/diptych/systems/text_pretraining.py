"""The text encoder's pretraining, before the first image is generated: what a frozen captioner would see.

The text encoder regresses the captioner's features of the real image from its sentence, as in the image-text
pretraining of AttnGAN (Xu et al. 2018, arXiv:1711.10485) but by regression, against a captioner that is there anyway,
and inside the generator's own run. Within a few hundred steps it knows which attribute belongs to which object, which
an adversarial signal needs many thousand for; in-batch contrast never teaches who is above whom.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.losses.text_pretraining import pretraining_loss
from diptych.models.text_encoders import TextEncoder
from diptych.models.whitening import Whitening
from diptych.systems.devices import gather, own_share
from diptych.systems.schedules import Trapezoid
from diptych.systems.terms.redescription import FrozenCaptioner
from diptych.systems.whitening import whitening_of
from diptych.types import Images

PROJECTION_SEED = 0
DECAY_SHARE = 0.8
"""Of the text pretraining's images: over them the learning rate falls to zero."""


class TextPretraining:
    """First `pretraining_images` of regression, then `whitening_images` in which the whitening observes the result.

    Afterwards the text encoder is left as it is. The target is a fixed random projection of all region features,
    standardised over the joint batch: distances survive it, and where things are is part of it. Not a module, so that
    the captioner is neither trained nor saved with the generator. Without a captioner (a run restored to generate)
    nothing can be pretrained.
    """

    def __init__(
        self,
        *,
        pretraining_images: int,
        whitening_images: int,
        captioner: FrozenCaptioner | None = None,
        text_encoder: nn.Module | None = None,
    ) -> None:
        self.whitening = _whitening_of(text_encoder)
        self.image_encoder = None if captioner is None else captioner.image_encoder.eval().requires_grad_(False)
        self.pretraining_images, self.whitening_images = pretraining_images, whitening_images
        self.schedule = Trapezoid(pretraining_images, decay_images=max(1, round(DECAY_SHARE * pretraining_images)))
        self.projection = torch.empty(0)

    def begin(self, text_encoder: nn.Module, on: torch.device, *, is_resumed: bool) -> None:
        """Called before training; a new run starts from unwhitened vectors, whatever another run whitened them by."""
        if not any(parameter.requires_grad for parameter in text_encoder.parameters()):
            raise ValueError(
                f"text_pretraining: this {type(text_encoder).__name__} has nothing that could learn: set "
                "text_encoder.sentence_dim=256 or text_encoder.tuned=true of a pretrained one, "
                "text_encoder.frozen=false of word vectors, or leave it out of freeze"
            )
        if self.image_encoder is None:
            raise ValueError("text_pretraining needs a frozen captioner: name its run in parts.captioner.run")
        self.image_encoder.to(on)
        if not is_resumed:
            self.whitening.reset()

    def is_learning(self, images_seen: int) -> bool:
        """Whether the text encoder still learns at this image."""
        return images_seen <= self.pretraining_images

    def is_over(self, images_seen: int) -> bool:
        """Whether generating has begun."""
        return images_seen > self.images

    @property
    def images(self) -> int:
        """So many are seen before generating begins."""
        return self.pretraining_images + self.whitening_images

    def goes_on(self, images_seen_before: int, images_seen: int) -> bool:
        """Whether this batch is of the pretraining; `ValueError` at the first that is not, if nothing was whitened."""
        if not self.is_over(images_seen):
            return True
        if not self.is_over(images_seen_before):
            self.check_settled()
        return False

    def check_settled(self) -> None:
        """Refuse to generate from sentence vectors that were never whitened."""
        if not self.whitening.has_observed:
            raise ValueError(
                f"text_pretraining.whitening_images={self.whitening_images}: no batch fell into them; give more"
            )

    def loss(self, vectors: Float[Tensor, "batch dim"], targets: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        """Squared error per dimension of sentence vectors, 1 for a text encoder that knows nothing."""
        return pretraining_loss(vectors, targets)

    def observe(self, vectors: Float[Tensor, "batch dim"], images_seen: int) -> None:
        """Let the whitening see sentence vectors, and settle with the last of them."""
        sentences = gather(vectors)
        self.whitening.observe(sentences)
        if self.is_over(images_seen + len(sentences)):
            self.whitening.settle()

    @torch.no_grad()
    def targets(self, parts: Iterable[Images], dim: int) -> Float[Tensor, "batch dim"]:
        """What sentence vectors of `dim` values should be for a batch, whose images may come in parts."""
        assert self.image_encoder is not None
        regions = torch.cat([self.image_encoder(images).regions.flatten(1) for images in parts])
        standardised = own_share(F.batch_norm(gather(regions), None, None, training=True))
        if not len(self.projection):
            rng = torch.Generator().manual_seed(PROJECTION_SEED)
            self.projection = torch.randn(regions.shape[1], dim, generator=rng) / regions.shape[1] ** 0.5
        self.projection = self.projection.to(standardised)
        return standardised @ self.projection


def _whitening_of(text_encoder: nn.Module | None) -> Whitening:
    whitening = whitening_of(text_encoder)
    if whitening is not None:
        return whitening
    if text_encoder is None:
        raise ValueError(
            "text_pretraining needs a text encoder that whitens, and there is none: choose text_encoder=gru_whitened, "
            "or text_pretraining=null"
        )
    how = (
        "set text_encoder.whitening_floor=0.001, choose text_encoder=gru_whitened"
        if isinstance(text_encoder, TextEncoder)
        else "derive it from diptych.models.text_encoders.TextEncoder and set text_encoder.whitening_floor=0.001"
    )
    raise ValueError(
        f"text_pretraining needs a text encoder that whitens, and this {type(text_encoder).__name__} does not: {how}, "
        "or text_pretraining=null"
    )
