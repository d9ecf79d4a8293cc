"""scikit-learn's bundled handwritten digits: 1,797 real 8x8 pictures (the UCI optical digits' test part).

Their values 0..16 become [-1, 1] as v / 8 - 1; the pictures are then enlarged bilinearly. Nothing is downloaded.
"""

from collections.abc import Mapping
from functools import partial

import torch

from diptych.data.example import Examples
from diptych.data.labelled import LabelledImages, numerals_spec, resized, stratified_order
from diptych.data.module import DataModule
from diptych.types import DataSpec

BRIGHTEST = 16


class DigitsData(DataModule):
    """Stratified splits that never change: the first `test_size` of one fixed order, `val_size` more, the rest."""

    def __init__(
        self,
        *,
        image_size: int,
        channels: int,
        captions_per_image: int,
        val_size: int,
        test_size: int,
        tokenizer: str,
        batch_size: int,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, num_workers=num_workers, seed=seed)
        self.image_size = image_size
        self.channels = channels
        self.captions_per_image = captions_per_image
        self.val_size = val_size
        self.test_size = test_size
        self.tokenizer = tokenizer

    def open(self) -> tuple[DataSpec, Mapping[str, Examples]]:
        from sklearn.datasets import load_digits  # a second of import time, needed here only

        pixels, labels = load_digits(return_X_y=True)
        images = torch.from_numpy(pixels).float().unflatten(1, (8, 8)) / (BRIGHTEST / 2) - 1
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
        held_out = self.test_size + self.val_size
        splits = {
            "train": part(chosen=order[held_out:]),
            "val": part(chosen=order[self.test_size : held_out]),
            "test": part(chosen=order[: self.test_size]),
        }
        spec = numerals_spec("digits", image_size=self.image_size, channels=self.channels, tokenizer=self.tokenizer)
        return spec, splits
