"""scikit-learn's bundled handwritten digits: 1,797 real 8x8 pictures (the test part of UCI's optical digits).

Values 0..16 become [-1, 1] as v / 8 - 1; then the pictures are enlarged bilinearly. Nothing is downloaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from diptych.data.example import Examples
from diptych.data.labelled.base import LabelledData, check_sizes, stratified_order
from diptych.data.labelled.numerals import DIGITS
from diptych.types import DataSpec

BRIGHTEST = 16


@dataclass(kw_only=True, eq=False, repr=False)
class DigitsData(LabelledData):
    """Stratified splits of one fixed order: the first `test_size`, the next `val_size` or a fold, and the rest.

    Of the rest the first `train_size` train, or all.
    """

    set_name = "digits"
    classes = DIGITS

    test_size: int

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        from sklearn.datasets import load_digits  # importing takes a second

        pixels, numbers = load_digits(return_X_y=True)
        images = torch.from_numpy(pixels).float().unflatten(1, (1, 8, 8)) / (BRIGHTEST / 2) - 1
        labels = numbers.tolist()
        check_sizes(len(labels), val_size=self.val_size, test_size=self.test_size)
        order = stratified_order(labels, self.set_name)
        train, val = self.divided(order[self.test_size :], self.val_size)
        part = self.examples(self.set_name, (images, labels))
        return self.facts(), {
            "train": part(chosen=train),
            "val": part(chosen=val),
            "test": part(chosen=order[: self.test_size]),
        }
