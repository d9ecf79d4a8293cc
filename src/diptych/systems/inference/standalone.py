"""Trained networks in use, without the system that trained them: what an export holds."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from diptych.systems.inference.exportable import Exportable
from diptych.text import tokenizer_of
from diptych.types import DataSpec


class Standalone(nn.Module):
    """Networks by their roles, and what else their use declares (`Exportable`), as attributes of the same names.

    `run_digest` names the weights of the run that they are of. There are no averages beside the networks: they are the
    averaged ones where the run kept averages.
    """

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        held: Mapping[str, Any],
        tensors: Mapping[str, torch.Tensor],
        lent: Mapping[str, Any],
        images_seen: int = 0,
        run_digest: str = "",
    ) -> None:
        super().__init__()
        self.data_spec, self.images_seen, self.run_digest = data_spec, images_seen, run_digest
        self.tokenizer = tokenizer_of(data_spec)
        for name, value in held.items():
            setattr(self, name, value)
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)
        own: Any = self
        for name in own.exported_networks():
            setattr(self, f"{name}_average", None)
        if own.borrows:
            own.borrow(**lent)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.parameters()).device


def standalone(use: type[Exportable], **held: Any) -> Any:
    """A `Standalone` that is used as `use` says, in evaluation mode."""
    kind: Any = type(f"Standalone{use.__name__}", (use, Standalone), {"__doc__": use.__doc__})
    return kind(**held).eval()
