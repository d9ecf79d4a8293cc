"""scikit-learn's bundled handwritten digits: 1,797 real 8x8 pictures (the test part of UCI's optical digits).

Values 0..16 become [-1, 1] as v / 8 - 1; then the pictures are enlarged bilinearly. Nothing is downloaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch

from diptych.data.division import Division
from diptych.data.example import Examples
from diptych.data.labelled import LabelledImages, check_sizes, numerals_spec, resized, stratified_order
from diptych.data.module import DataModule
from diptych.types import DataSpec

BRIGHTEST = 16


@dataclass(kw_only=True, eq=False, repr=False)
class DigitsData(Division, DataModule):
    """Stratified splits of one fixed order: the first `test_size`, the next `val_size` or a fold, and the rest.

    Of the rest the first `train_size` train, or all.
    """

    image_size: int
    channels: int
    val_size: int
    test_size: int

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        from sklearn.datasets import load_digits  # importing takes a second

        pixels, labels = load_digits(return_X_y=True)
        images = torch.from_numpy(pixels).float().unflatten(1, (8, 8)) / (BRIGHTEST / 2) - 1
        check_sizes(len(labels), val_size=self.val_size, test_size=self.test_size)
        order = stratified_order(labels.tolist(), "digits")
        part = partial(
            LabelledImages,
            name="digits",
            images=resized(images, self.image_size),
            labels=labels.tolist(),
            channels=self.channels,
            captions_per_image=self.captions_per_image,
            seed=self.seed,
        )
        train, val = self.divided(order[self.test_size :], self.val_size)
        splits = {"train": part(chosen=train), "val": part(chosen=val), "test": part(chosen=order[: self.test_size])}
        spec = numerals_spec(
            "digits",
            image_size=self.image_size,
            channels=self.channels,
            tokenizer=self.tokenizer,
            rules=self.tokenizer_rules,
        )
        return spec, splits
