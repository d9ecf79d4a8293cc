"""What every data set is asked for, checked before any of it is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diptych.plain_types import TOKENIZER_RULES


@dataclass(kw_only=True, eq=False, repr=False)
class DataOptions:
    """The settings that all data sets share.

    `captions_per_image` token rows are drawn for each picture. `batch_size` counts the examples of all devices
    together. `seed` determines the order of the training stream and the random choices in its examples; evaluation sets
    never depend on it. `tokenizer_rules` are those of the vocabulary: a resumed run keeps the ones it began with.
    `captioned_share` is the share of training pictures whose captions training may read (None: all); a system that can
    learns from the others as pictures alone. `augmentation` maps operations to strengths (None: none): training
    pictures are changed at random, as far as their captions stay true. `num_tokens` is how many tokens a tokenizer that
    learns makes of the training captions.
    """

    captions_per_image: int
    tokenizer: str
    batch_size: int
    num_workers: int = 0
    seed: int = 0
    tokenizer_rules: int = TOKENIZER_RULES
    captioned_share: float | None = None
    augmentation: Mapping[str, Any] | None = None
    num_tokens: int | None = None
    splits_by_share: bool = field(init=False, default=True)
    """Whether data without splits of their own are split by share; not where nobody trains on them."""

    def __post_init__(self) -> None:
        if self.captions_per_image < 1:
            raise ValueError(f"data.captions_per_image={self.captions_per_image}: set 1 or more captions per picture")
        if self.captioned_share is not None and not 0 <= self.captioned_share < 1:
            raise ValueError(
                f"data.captioned_share={self.captioned_share:g} is a share of pictures: give 0 to below 1 (null: all)"
            )
        if self.augmentation:
            from diptych.data.augmentation.choice import operations_of  # imports torch, which checking files needs not

            operations_of(self.augmentation)
