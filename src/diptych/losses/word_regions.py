"""How well the words of a sentence find their regions in an image: the score of DAMSM.

Deep attentional multimodal similarity model, Xu et al. 2018 (arXiv:1711.10485), equations 7 to 10. Words and regions
are vectors of one space.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

LEAST = 1e-8
"""Below this a vector has no direction; of the product of two lengths, as in `cosine_similarity`."""


def word_region_scores(
    regions: Float[Tensor, "images regions dim"],
    words: Float[Tensor, "texts length dim"],
    word_mask: Bool[Tensor, "texts length"],
    *,
    gamma1: float,
    gamma2: float,
) -> Float[Tensor, "images texts"]:
    """R(Q, D) of every image Q and sentence D, in float32, under autocast too; at most 1 + log(length) / gamma2.

    Each region shares itself out among the words (8), each word attends to the regions by what it got, `gamma1` times
    as sharply (9), and its score is the cosine of the word and what it attends to; a sentence's score is a soft maximum
    over its words that sharpens with `gamma2` (10). Padding takes no part.

    What a word attends to is never built: its products with words and with itself follow from those of the regions, so
    memory grows with images x texts x length x regions, whatever the vectors' length.
    """
    with torch.autocast(regions.device.type, enabled=False):
        if regions.dtype != torch.float64:
            regions, words = regions.float(), words.float()
        products = torch.einsum("ird,tld->itlr", regions, words)
        shares = products.masked_fill(~word_mask[None, :, :, None], float("-inf")).softmax(dim=2)
        attention = (gamma1 * shares).softmax(dim=3)
        inner = (attention * products).sum(dim=3)
        among_regions = regions @ regions.transpose(1, 2)
        lengths = (torch.einsum("itlr,irs->itls", attention, among_regions) * attention).sum(dim=3).clamp(min=LEAST**2)
        word_lengths = words.square().sum(dim=2).clamp(min=LEAST**2)
        cosines = inner / (lengths * word_lengths).sqrt().clamp(min=LEAST)
        return (gamma2 * cosines).masked_fill(~word_mask, float("-inf")).logsumexp(dim=2) / gamma2
