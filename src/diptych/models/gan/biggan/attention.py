"""Self-attention over the places of a grid (SAGAN, Zhang et al. 2019, arXiv:1805.08318), as BigGAN uses it."""

from collections.abc import Collection

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Planes = Float[Tensor, "batch channels rows columns"]


class SelfAttention(nn.Module):
    """Planes plus `gain` times what each place reads of the others; the gain is learned and starts at zero.

    Queries and keys have an eighth of the channels, values half of them. Keys and values are maxima of 2x2 places.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.queries = nn.Conv2d(channels, max(1, channels // 8), 1, bias=False)
        self.keys = nn.Conv2d(channels, max(1, channels // 8), 1, bias=False)
        self.values = nn.Conv2d(channels, max(1, channels // 2), 1, bias=False)
        self.outputs = nn.Conv2d(max(1, channels // 2), channels, 1, bias=False)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, planes: Planes) -> Planes:
        queries = self.queries(planes).flatten(2)
        keys, values = (F.max_pool2d(read(planes), 2).flatten(2) for read in (self.keys, self.values))
        attention = torch.softmax(queries.transpose(1, 2) @ keys, dim=2)
        read = (values @ attention.transpose(1, 2)).unflatten(2, planes.shape[2:])
        return planes + self.gain * self.outputs(read)


def check_attention(attention_size: int | None, grids: Collection[int], *, setting: str) -> None:
    """Refuse a grid that the network does not have."""
    if attention_size is not None and attention_size not in grids:
        raise ValueError(
            f"{setting}={attention_size}: the grids here have {', '.join(map(str, sorted(grids)))} pixels; "
            "choose one of them, or null for no attention"
        )
