"""What the rooms hand to one another: tensor names, scenes, batches and the facts a data set publishes.

Conventions: images are in [-1, 1] (mid-grey is 0); a token mask is True on real tokens; scene coordinates are
pixels of the scene's own canvas, x to the right, y downwards. What holds no tensor is defined in `plain_types`, which
needs no torch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from diptych.plain_types import (
    BOS_ID,
    EOS_ID,
    PAD_ID,
    SPECIAL_TOKENS,
    TOKENIZER_RULES,
    UNK_ID,
    DataSpec,
    Scene,
    SceneObject,
    Track,
)

__all__ = [
    "BOS_ID",
    "EOS_ID",
    "PAD_ID",
    "SPECIAL_TOKENS",
    "TOKENIZER_RULES",
    "UNK_ID",
    "Batch",
    "DataSpec",
    "ImageFeatures",
    "Images",
    "Logits",
    "Scene",
    "SceneObject",
    "Sentences",
    "TextFeatures",
    "TokenMask",
    "Tokens",
    "Track",
    "TrainingCaptions",
    "TrainingSentences",
]

Images = Float[Tensor, "batch channels height width"]
Tokens = Int[Tensor, "batch length"]
TokenMask = Bool[Tensor, "batch length"]
Logits = Float[Tensor, " batch"]


class Sentences(NamedTuple):
    """Sentences side by side, as text and as the data's tokens; a text encoder reads either."""

    texts: tuple[str, ...]
    tokens: Int[Tensor, "batch length"]
    mask: Bool[Tensor, "batch length"]


class TextFeatures(NamedTuple):
    """A sentence as a text encoder gives it: one vector a sentence, one a word, and which words are real."""

    sentence: Float[Tensor, "batch dim"]
    words: Float[Tensor, "batch length word_dim"]
    mask: Bool[Tensor, "batch length"]


TrainingCaptions = Callable[[int], Iterable[Sequence[str]]]
"""(n) -> the captions of every training image; of endless data, those of the first n images."""
TrainingSentences = Callable[[int], Iterable[Sentences]]
"""The same as sentences, many at a time."""


class ImageFeatures(NamedTuple):
    """An image as an image encoder gives it: one pooled vector, and one vector a region (row-major grid)."""

    pooled: Float[Tensor, "batch dim"]
    regions: Float[Tensor, "batch regions region_dim"]


@dataclass(frozen=True)
class Batch:
    """Examples side by side. Every image carries the same number of captions.

    `sentences[i][c]` is the text of `tokens[i, c]`. `references` are all that is said of an image (they may be more
    than its captions), `scenes` the exact truth where the data has one, `keys` name the examples for people. `labels`
    says of each of the data's labels whether it holds. `captioned` says whose sentences training may read (None: all).
    With cached features `images` are of 0 x 0 pixels, and `pooled` and `regions` hold what the image encoder says.
    """

    images: Float[Tensor, "batch channels height width"]
    tokens: Int[Tensor, "batch captions length"]
    token_mask: Bool[Tensor, "batch captions length"]
    sentences: tuple[tuple[str, ...], ...] = ()
    references: tuple[tuple[str, ...], ...] = ()
    scenes: tuple[Scene | None, ...] = ()
    keys: tuple[str, ...] = ()
    labels: Bool[Tensor, "batch labels"] | None = None
    captioned: Bool[Tensor, " batch"] | None = None
    pooled: Float[Tensor, "batch dim"] | None = None
    regions: Float[Tensor, "batch regions region_dim"] | None = None

    @property
    def features(self) -> ImageFeatures | None:
        """Cached features of the pictures in float32; the images then have no pixels. None without a cache."""
        if self.pooled is None or self.regions is None:
            return None
        return ImageFeatures(self.pooled.float(), self.regions.float())

    def __len__(self) -> int:
        return len(self.images)

    def pick(self, captions: Int[Tensor, " batch"] | int) -> Sentences:
        """One caption of each image: of image i the one with the number `captions[i]`."""
        if len(self.sentences) != len(self):
            raise ValueError(f"batch.sentences has captions of {len(self.sentences)} images, not of {len(self)}")
        rows = torch.arange(len(self), device=self.tokens.device)
        numbers = torch.as_tensor(captions).expand(len(self))
        texts = tuple(said[c] for said, c in zip(self.sentences, numbers.tolist(), strict=True))
        columns = numbers.to(rows.device)
        return Sentences(texts, self.tokens[rows, columns], self.token_mask[rows, columns])

    def rows(self, part: slice) -> Self:
        """The examples of this part."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: value[part] for name, value in values.items() if value is not None})

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """The same batch with its tensors on `device`; Lightning calls this."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """The same batch in page-locked memory; the data loader calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Any) -> Self:
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: change(v) for k, v in tensors.items() if isinstance(v, Tensor)})
