"""The best value of the monitored validation figure, and when the run reached it."""

import math
from collections.abc import Mapping
from typing import Any

from pytorch_lightning import Trainer
from torch import Tensor

LEAST_TO_CHOOSE = 10
"""With fewer validation examples, which checkpoint is best is mostly chance."""
LARGER = "increase data.val_size (data.val_share for a folder)"


def few_examples_hint(trainer: Trainer) -> str:
    """A hint for a validation set that is too small for some figures; "" otherwise."""
    size = _num_val_examples(trainer)
    if size is None or size > 1:
        return ""
    return f". The validation set has {size} example(s), too few for some figures: {LARGER}"


def chance_warning(trainer: Trainer, monitor: str | None) -> str:
    """What to say of a choice by very few validation examples; "" otherwise."""
    size = _num_val_examples(trainer)
    if monitor is None or size is None or size >= LEAST_TO_CHOOSE:
        return ""
    return f"best.ckpt is chosen by {monitor} of {size} validation examples, mostly by chance: {LARGER}"


def _num_val_examples(trainer: Trainer) -> int | None:
    examples = getattr(trainer.datamodule, "splits", {}).get("val")  # pyright: ignore[reportAttributeAccessIssue]
    return None if examples is None else examples.size


class Best:
    """Compares each validation's figure with the best so far; not-a-number is never better."""

    def __init__(self, monitor: str | None, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r}: choose min or max, where the monitored figure is best")
        self.monitor = monitor
        self.value: float | None = None
        self.images = 0
        self._sign = 1 if mode == "max" else -1
        self._min_delta = min_delta

    def check(self, figures: Mapping[str, Tensor], hint: str = "") -> None:
        """Refuse figures of a validation without the monitored one; the `hint` names a possible cause."""
        if self.monitor is not None and self.monitor not in figures:
            logged = ", ".join(sorted(name for name in figures if name.startswith("val/"))) or "nothing"
            raise ValueError(f"monitor={self.monitor}: validation measures no such figure; it measures {logged}{hint}")

    def update(self, figures: Mapping[str, Tensor], images: int) -> bool:
        """Update with one validation's figures; return whether the monitored one is the best so far."""
        self.check(figures)
        if self.monitor is None:
            return False
        value = float(figures[self.monitor])
        if math.isnan(value) or (self.value is not None and self._sign * (value - self.value) <= self._min_delta):
            return False
        self.value, self.images = value, images
        return True

    def forget(self) -> None:
        """Reset: the next figure is the best."""
        self.value, self.images = None, 0

    def state_dict(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {"monitor": self.monitor, "value": self.value, "images": self.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, unless it belongs to another figure than the one monitored now."""
        if state["monitor"] == self.monitor:
            self.value, self.images = state["value"], state["images"]
