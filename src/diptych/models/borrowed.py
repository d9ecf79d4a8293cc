"""A frozen network of another run, held by one that uses it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class Borrowed(nn.Module):
    """Holds a network that goes where its holder goes, but is neither trained, saved nor copied with it.

    `network` is the network itself, or None where nobody has lent one.
    """

    def __init__(self, network: Any = None) -> None:
        super().__init__()
        self._held = [network]  # a list, so that the network is no submodule

    @property
    def network(self) -> Any:
        """The network itself; None before it is lent."""
        return self._held[0]

    def lend(self, network: nn.Module) -> None:
        """Hold this network from now on."""
        self._held = [network]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        if self.network is not None:
            self.network.to(fn(torch.empty(0)).device)  # a LightningModule notes its device here alone
            self.network._apply(fn)
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "Borrowed":
        return Borrowed(self.network)
