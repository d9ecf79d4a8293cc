"""Pretrained weights that a network reads at its first forward pass, unless a state dict brings them before."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


class LateWeights(nn.Module):
    """Base class. `weights` says what is still to be read: None once it is read, or needed no more.

    A state dict that holds all of the network makes the file needless. One that holds a part of it is loaded over the
    file's weights, and one that holds nothing of it changes nothing: so a part of another run may be loaded into a
    system without leaving its encoder random.
    """

    weights: str | None

    @abstractmethod
    def read_weights(self, weights: str) -> None:
        """Fill the network from this file or name; a ValueError says what is wrong with it."""

    def ensure_weights(self) -> None:
        """Read what is still to be read."""
        if self.weights is not None:
            waiting, self.weights = self.weights, None
            try:
                self.read_weights(waiting)
            except BaseException:
                self.weights = waiting
                raise

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *args: Any, **kwargs: Any) -> None:
        lacking = [name for name in self.state_dict() if prefix + name not in state_dict]
        if not lacking:
            self.weights = None
        elif any(name.startswith(prefix) for name in state_dict):
            self.ensure_weights()
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
