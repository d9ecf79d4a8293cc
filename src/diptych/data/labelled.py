"""Small grey pictures of digits in memory, with captions; shared by `digits` and `mnist`."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from diptych.data import numerals
from diptych.data.example import Example, ExampleRequest, choose_captions, keyed_rng
from diptych.data.membership import Identity
from diptych.text import Vocabulary, tokenizer_class
from diptych.types import DataSpec


@dataclass(frozen=True)
class LabelledImages:
    """The `chosen` pictures of [all, side, side], each with `channels` equal channels."""

    name: str
    images: Tensor
    labels: Sequence[int]
    chosen: Sequence[int]
    channels: int
    captions_per_image: int
    seed: int

    @property
    def size(self) -> int:
        return len(self.chosen)

    def captions_of(self, index: int) -> tuple[str, ...]:
        return numerals.sentences(self.labels[self.chosen[index]])

    def identity_of(self, index: int) -> Identity:
        name = self._name_of(self.chosen[index])
        return Identity.of(name, name.encode())  # at any size it is the same picture

    def _name_of(self, number: int) -> str:
        return f"{self.name}/{number}"

    def __getitem__(self, request: ExampleRequest) -> Example:
        number, draw = self.chosen[request.index], request.draw
        references = numerals.sentences(self.labels[number])
        rng = keyed_rng(number) if draw is None else keyed_rng(self.seed, "caption", draw)
        return Example(
            key=self._name_of(number),
            sentences=choose_captions(references, self.captions_per_image, rng),
            references=references,
            image=self.images[number].expand(self.channels, -1, -1),
            labels=(numerals.NUMERALS[self.labels[number]],),
        )


def resized(images: Tensor, size: int) -> Tensor:
    """Resize pictures [n, side, side] of bytes or floats to [n, size, size], bilinear with anti-aliasing."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images[:, None], size=(size, size), mode="bilinear", antialias=True)[:, 0]


def stratified_order(labels: Sequence[int], name: str) -> list[int]:
    """All indices, in an order whose every prefix is stratified by label; it depends on `name` alone."""
    places: list[tuple[float, int]] = []
    for label in sorted(set(labels)):
        members = [index for index, other in enumerate(labels) if other == label]
        keyed_rng(name, label).shuffle(members)
        places += [((place + 0.5) / len(members), index) for place, index in enumerate(members)]
    return [index for _, index in sorted(places)]


def check_sizes(total: int, *, val_size: int, test_size: int) -> None:
    """Refuse held-out sizes that are negative or leave none of `total` pictures to train on."""
    if min(val_size, test_size) < 0 or val_size + test_size >= total:
        raise ValueError(
            f"data.val_size={val_size} and data.test_size={test_size}: set sizes from 0 that leave some of the "
            f"{total:,} pictures to train on"
        )


def numerals_spec(name: str, *, image_size: int, channels: int, tokenizer: str, rules: int) -> DataSpec:
    """The facts of a data set of digits; the vocabulary covers all phrasings, whatever the sample."""
    split = tokenizer_class(tokenizer, rules).split
    sentences = [split(sentence) for sentence in numerals.all_sentences()]
    return DataSpec(
        name=name,
        image_size=image_size,
        image_channels=channels,
        vocabulary=Vocabulary.of_words(token for tokens in sentences for token in tokens).tokens,
        max_length=max(map(len, sentences)) + 2,
        tokenizer=tokenizer,
        tokenizer_rules=rules,
        labels=numerals.NUMERALS,
        exclusive_labels=True,
        complete_references=True,
    )
