"""The contrastive loss of images and sentences in a batch."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(
    image_embeddings: Float[Tensor, "batch dim"],
    text_embeddings: Float[Tensor, "batch dim"],
    *,
    temperature: float | Float[Tensor, ""],
    compatible: Bool[Tensor, "batch batch"] | None = None,
) -> Float[Tensor, " batch"]:
    """Symmetric InfoNCE of cosine similarities (Radford et al. 2021, arXiv:2103.00020), one value per pair.

    `compatible[i, j]` means that sentence j is true of image i as well; such a pair is not a negative and leaves both
    denominators. Without it, all other pairs are negatives. A temperature that is a tensor learns along. The loss is in
    float32, under autocast too, and zero for a batch of one.
    """
    return matching_loss(cosine_similarities(image_embeddings, text_embeddings) / temperature, compatible)


def cosine_similarities(
    images: Float[Tensor, "images dim"], texts: Float[Tensor, "texts dim"]
) -> Float[Tensor, "images texts"]:
    """The cosine of each image's vector and each sentence's, in float32, under autocast too."""
    with torch.autocast(images.device.type, enabled=False):
        return F.normalize(_exact(images), dim=1) @ F.normalize(_exact(texts), dim=1).T


def matching_loss(
    scores: Float[Tensor, "batch batch"], compatible: Bool[Tensor, "batch batch"] | None = None
) -> Float[Tensor, " batch"]:
    """Mean over both directions of -log P(own pair), where P is a softmax of the scores; one value per pair.

    `scores[i, j]` says how well sentence j suits image i. `compatible` as in `contrastive_loss`.
    """
    pairs = torch.arange(len(scores), device=scores.device)
    if compatible is not None:
        own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
        scores = scores.masked_fill(compatible & ~own, float("-inf"))
    to_text = F.cross_entropy(scores, pairs, reduction="none")
    to_image = F.cross_entropy(scores.T, pairs, reduction="none")
    return (to_text + to_image) / 2


def _exact(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
