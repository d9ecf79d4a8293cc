"""What every caption objective offers: from one training step to its losses.

Networks that learn along (a baseline, a caption discriminator) are an objective's `helpers`; they share the captioner's
optimiser and its gradient clipping.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from torch import Tensor, nn

from diptych.systems.captioning.objectives.step import CaptionStep
from diptych.types import TrainingCaptions


class CaptionObjective(Protocol):
    """How a captioner learns. Inherit from it to need only `losses`.

    `weights` holds the weight of a loss by its name; a loss without one weighs 1. One that looks at several images of a
    batch at once says `couples_examples = True`: with `system.micro_batch_size` it sees those of a part of the batch.
    One that a captioner should meet only when it can already caption says `wants_warm_start = True`. `warmups` are
    images over which something grows to what is configured, by the key that sets them.
    """

    weights: Mapping[str, float] = MappingProxyType({})
    wants_warm_start: bool = False
    warmups: Mapping[str, int] = MappingProxyType({})

    def begin(self, training_captions: TrainingCaptions) -> None:
        """Called once before the first step of every start, also after a resume."""

    def losses(self, step: CaptionStep) -> Mapping[str, Tensor]:
        """Losses by the name under which they are logged (`train/<name>`): one value per row, or their mean."""
        ...

    def helpers(self) -> list[tuple[nn.Module, float]]:
        """Networks that learn along, each with its multiple of the decoder's learning rate.

        They are submodules of the objective, which is then an `nn.Module`: so checkpoints hold them.
        """
        return []


def check_helpers(objective: CaptionObjective) -> None:
    """Refuse an objective with weights that would learn but not be saved, or be saved but never learn."""
    saved = set(objective.parameters()) if isinstance(objective, nn.Module) else set()
    learning = {parameter for network, _ in objective.helpers() for parameter in network.parameters()}
    name = type(objective).__name__
    if learning - saved:
        raise ValueError(
            f"caption_objective: {name}.helpers() names a network that no checkpoint would hold; make {name} an "
            "nn.Module and the network one of its attributes"
        )
    if any(parameter.requires_grad for parameter in saved - learning):
        raise ValueError(
            f"caption_objective: {name} has weights that would never learn; name their network in helpers(), or "
            "freeze it with requires_grad_(False)"
        )
