"""What priors over codes are made of: embedded codes at their places, blocks, and a last layer that says codes."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.models.priors.blocks import Block, Prefix
from diptych.models.zero_at_first import zero_at_first

Tokens = Float[Tensor, "batch tokens dim"]


class CodeTransformer(nn.Module):
    """`depth` blocks of `dim` channels; `num_codes` codes on a grid of `code_size` places a side.

    `says` names which codes a network says, the next or hidden ones; a system asks for one of both. There is one
    embedding more than there are codes, for whatever stands in place of a code, and there may be learned tokens that
    stand for nothing (`num_registers`).
    """

    says: ClassVar[str] = ""
    num_registers: ClassVar[int] = 0

    def __init__(
        self,
        *,
        num_codes: int = 512,
        code_size: int = 8,
        condition_dim: int = 0,
        word_dim: int = 0,
        dim: int = 128,
        depth: int = 6,
        num_heads: int = 4,
    ) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"prior.num_heads={num_heads} must divide prior.dim={dim}")
        self.num_places, self.num_codes = code_size**2, num_codes
        self.prefix = Prefix(dim, condition_dim, word_dim)
        self.codes = nn.Embedding(num_codes + 1, dim)
        nn.init.normal_(self.codes.weight, std=0.02)
        self.positions = nn.ParameterList(nn.Parameter(0.02 * torch.randn(code_size, dim)) for _ in range(2))
        self.registers = nn.Parameter(0.02 * torch.randn(self.num_registers, dim)) if self.num_registers else None
        self.blocks = nn.ModuleList(Block(dim, num_heads) for _ in range(depth))
        self.last_affine = zero_at_first(nn.Linear(dim, 2 * dim))
        self.last = nn.Linear(dim, num_codes)

    @property
    def null(self) -> nn.Module | None:
        """What it is told where there is no sentence."""
        return self.prefix.null

    @property
    def instead(self) -> int:
        """The number of what stands in place of a code."""
        return self.num_codes

    def at_places(self) -> Float[Tensor, "places dim"]:
        """What is learned of the row and of the column of every place, row by row."""
        rows, columns = self.positions
        return (rows[:, None] + columns).flatten(0, 1)

    def logits(self, tokens: Tokens, condition: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch tokens codes"]:
        """Which code each token says."""
        gain, shift = self.last_affine(condition)[:, None].chunk(2, dim=2)
        return self.last(torch.addcmul(shift, F.layer_norm(tokens, tokens.shape[2:]), 1 + gain))
