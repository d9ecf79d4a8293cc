"""The contrastive loss of images and sentences in a batch."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F


def contrastive_loss(
    image_embeddings: Float[Tensor, "batch dim"],
    text_embeddings: Float[Tensor, "batch dim"],
    *,
    temperature: float,
    compatible: Bool[Tensor, "batch batch"] | None = None,
) -> Float[Tensor, " batch"]:
    """Symmetric InfoNCE of cosine similarities (Radford et al. 2021, arXiv:2103.00020), one value per pair.

    `compatible[i, j]` means that sentence j is true of image i as well; such a pair is not a negative and leaves both
    denominators. Without it, all other pairs are negatives. The loss is in float32, and zero for a batch of one.
    """
    images = F.normalize(image_embeddings.float(), dim=1)
    texts = F.normalize(text_embeddings.float(), dim=1)
    similarities = images @ texts.T / temperature
    pairs = torch.arange(len(images), device=images.device)
    if compatible is not None:
        own = torch.eye(len(images), dtype=torch.bool, device=images.device)
        similarities = similarities.masked_fill(compatible & ~own, float("-inf"))
    to_text = F.cross_entropy(similarities, pairs, reduction="none")
    to_image = F.cross_entropy(similarities.T, pairs, reduction="none")
    return (to_text + to_image) / 2
