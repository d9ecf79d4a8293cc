"""A recurrent layer that reads padded sentences from either end, so that padding changes nothing.

PyTorch's own bidirectional layer would begin the way back in the padding, unless the sentences are packed; packing
waits for the lengths on the CPU and cannot be exported. Here the layer of the way back reads each sentence reversed
within its own length. Weights have the names that PyTorch gives them in a bidirectional layer, and the same beginnings.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Recurrent = type[nn.RNN] | type[nn.GRU] | type[nn.LSTM]
Inputs = Float[Tensor, "batch length input_dim"]
Words = Float[Tensor, "batch length word_dim"]
DIRECTIONS = ("there", "back")
REVERSED = "_reverse"
"""What PyTorch puts after the names of the weights of the way back."""


class BothDirections(nn.Module):
    """One state a word: that of the way there, then that of the way back; zero on padding."""

    def __init__(self, layer: Recurrent, input_dim: int, state_dim: int) -> None:
        super().__init__()
        self.there, self.back = (layer(input_dim, state_dim, batch_first=True) for _ in DIRECTIONS)
        self.register_state_dict_post_hook(_as_bidirectional)
        self.register_load_state_dict_pre_hook(_from_bidirectional)

    def forward(self, inputs: Inputs, lengths: Int[Tensor, " batch"]) -> Words:
        places = torch.arange(inputs.shape[1], device=inputs.device).expand(inputs.shape[:2])
        is_real = places < lengths[:, None]
        there = self.there(inputs)[0]
        turned = torch.where(is_real, lengths[:, None] - 1 - places, places)  # its own inverse
        back = _taken(self.back(_taken(inputs, turned))[0], turned)
        return torch.cat([there, back], dim=2).masked_fill(~is_real[..., None], 0)


def _taken(vectors: Float[Tensor, "batch length dim"], places: Int[Tensor, "batch length"]) -> Tensor:
    """Of each sentence the vectors at these places."""
    return vectors.gather(1, places[..., None].expand(vectors.shape))


def _as_bidirectional(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    """Rename what was just saved of the two directions."""
    for name in [name for name in state if _is_own(name, prefix)]:
        direction, _, weight = name.removeprefix(prefix).partition(".")
        state[f"{prefix}{weight}{REVERSED if direction == DIRECTIONS[1] else ''}"] = state.pop(name)


def _from_bidirectional(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """The inverse, before loading."""
    for name in [name for name in state if name.startswith(prefix) and not _is_own(name, prefix)]:
        weight = name.removeprefix(prefix)
        direction = DIRECTIONS[weight.endswith(REVERSED)]
        state[f"{prefix}{direction}.{weight.removesuffix(REVERSED)}"] = state.pop(name)


def _is_own(name: str, prefix: str) -> bool:
    return name.startswith(tuple(f"{prefix}{direction}." for direction in DIRECTIONS))
