"""Pictures of which some have captions: what training from few captions and many pictures is given."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool

from diptych.data.capability import capable
from diptych.data.example import Example, ExampleRequest, FixedOrder, keyed_rng
from diptych.data.wrapped import Wrapped


@dataclass(frozen=True)
class PartlyCaptioned(Wrapped):
    """The examples of which a share is captioned, always the same ones.

    Of finite data it is the first of their fixed order, so that those of `captioned_share=0.1` are the pictures of a
    `train_size` of a tenth. Of endless data each example is drawn by its number.
    """

    share: float

    def __post_init__(self) -> None:
        if self.share and self.size is not None and not self._captioned.any():
            raise ValueError(
                f"data.captioned_share={self.share:g} of {self.size:,} pictures is none: give more, or 0 for none"
            )

    def captions_of(self, index: int) -> tuple[str, ...]:
        return self.examples.captions_of(index) if self.is_captioned(index) else ()

    def __getitem__(self, request: ExampleRequest) -> Example:
        example = self.examples[request]
        return example if self.is_captioned(request.index) else replace(example, captioned=False)

    def is_captioned(self, index: int) -> bool:
        """Whether training may read the captions of this example."""
        if self.examples.size is None:
            return keyed_rng("captioned", index).random() < self.share
        return bool(self._captioned[index])

    @cached_property
    def _captioned(self) -> Bool[np.ndarray, " size"]:
        """Of each of finitely many examples, whether it is captioned."""
        size = self.examples.size or 0
        ordered = capable(self.examples, FixedOrder)
        places = range(size) if ordered is None else ordered.places_in_fixed_order()
        captioned = np.zeros(size, dtype=bool)
        captioned[np.asarray(places[: round(self.share * size)], dtype=np.int64)] = True
        return captioned
