"""What every family's training step hands to a term: real images, those that its networks make, and their sentences."""

from dataclasses import dataclass, field, fields
from typing import Any

import torch

from diptych.systems.pairing import Prompts
from diptych.types import Images, TextFeatures


@dataclass(frozen=True)
class ImageStep:
    """`fake` are the images that learn, generated or predicted, row by row for the sentences of `real`.

    `text` is None, and `prompts` too, where images are made without sentences. `turn` counts the steps from 1; `rng` is
    alike on all devices: draw from it for the joint batch. `images_seen` is the run's progress.
    """

    real: Images
    fake: Images
    prompts: Prompts | None
    text: TextFeatures | None
    rng: torch.Generator
    turn: int
    images_seen: int = field(default=0, kw_only=True)

    def shared(self, **changed: Any) -> dict[str, Any]:
        """The fields of an `ImageStep`, some of them changed, to make another step of them."""
        return {field.name: getattr(self, field.name) for field in fields(ImageStep)} | changed
