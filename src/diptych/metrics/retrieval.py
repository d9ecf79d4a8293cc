"""R-precision of images and sentences side by side: how often an image's own sentence suits it best.

Xu et al. 2018 (arXiv:1711.10485) rank 100 sentences, one of them the image's own, by the cosine of an encoder's
vectors. Here a captioner's log-probabilities rank them. Each is taken relative to how likely the captioner finds that
sentence for all images of the block together, so that short and common sentences have no advantage.
"""

from math import log

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def r_precision(
    log_probs: Float[Tensor, "n n"], is_candidate: Bool[Tensor, "n n"] | None = None
) -> Float[Tensor, " n"]:
    """1 where image i's own sentence i is ranked first, 0 where it is not; of k equally good ones 1/k.

    `log_probs[i, j]` is of sentence j given image i. Where `is_candidate[i, j]` is false, sentence j is left out for
    image i, as one that is true of it too; the own sentence always stays.
    """
    exact = log_probs.double()
    scores = exact - (exact.logsumexp(dim=0) - log(len(exact)))
    own = scores.diagonal().clone()
    if is_candidate is not None:
        scores = scores.masked_fill(~is_candidate, -torch.inf)
    scores.fill_diagonal_(-torch.inf)
    best = scores.amax(dim=1)
    close = 1e-9 * (1 + own.abs())
    ties = ((scores - own[:, None]).abs() <= close[:, None]).sum(dim=1)
    return torch.where(own >= best - close, 1 / (1 + ties), 0.0)
