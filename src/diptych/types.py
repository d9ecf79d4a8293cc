"""What the rooms hand to one another: tensor names, scenes, batches and the facts a data set publishes.

Conventions: images are in [-1, 1] (mid-grey is 0); a token mask is True on real tokens; scene coordinates are
pixels of the scene's own canvas, x to the right, y downwards.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]
Tokens = Int[Tensor, "batch length"]
TokenMask = Bool[Tensor, "batch length"]
Logits = Float[Tensor, " batch"]

PAD_ID, BOS_ID, EOS_ID, UNK_ID = 0, 1, 2, 3
SPECIAL_TOKENS = ("<pad>", "<bos>", "<eos>", "<unk>")

TOKENIZER_RULES = 2
"""How new data cut sentences: 2 keeps letters with their marks and emoji whole, 1 did not."""


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One object; `x`, `y` is its centre and `radius` that of the circle with the same area, in canvas pixels."""

    shape: str
    colour: str
    size: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture's exact content. `side` is the canvas in pixels on which the coordinates are given."""

    side: int
    objects: tuple[SceneObject, ...]


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


class ImageFeatures(NamedTuple):
    """An image as an image encoder gives it: one pooled vector, and one vector a region (row-major grid)."""

    pooled: Float[Tensor, "batch dim"]
    regions: Float[Tensor, "batch regions region_dim"]


@dataclass(frozen=True)
class Batch:
    """Examples side by side. Every image carries the same number of captions.

    `sentences[i][c]` is the text of `tokens[i, c]`. `references` are all that is said of an image (they may be more
    than its captions), `scenes` the exact truth where the data has one, `keys` name the examples for people. `labels`
    says of each of the data's labels whether it holds.
    """

    images: Float[Tensor, "batch channels height width"]
    tokens: Int[Tensor, "batch captions length"]
    token_mask: Bool[Tensor, "batch captions length"]
    sentences: tuple[tuple[str, ...], ...] = ()
    references: tuple[tuple[str, ...], ...] = ()
    scenes: tuple[Scene | None, ...] = ()
    keys: tuple[str, ...] = ()
    labels: Bool[Tensor, "batch labels"] | None = None

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


@dataclass(frozen=True)
class DataSpec:
    """The facts a data set publishes and networks are built from; plain values, carried by every checkpoint.

    `vocabulary[i]` is the text of token i (the first four are `SPECIAL_TOKENS`); `max_length` counts <bos> and
    <eos>; `world` holds the keyword arguments of `diptych.world.WorldSpec` where truth is exact, else None. `labels`
    are what may be classified in a picture, any number of them or, with `exclusive_labels`, exactly one. Where
    `complete_references`, the references of a picture are all that is true of it: any other sentence is wrong.
    `tokenizer_rules` numbers the rules by which `tokenizer` made the vocabulary.
    """

    name: str
    image_size: int
    image_channels: int
    vocabulary: tuple[str, ...]
    max_length: int
    tokenizer: str = "word"
    languages: tuple[str, ...] = ("en",)
    skills: tuple[str, ...] = ()
    world: dict[str, Any] | None = field(default=None)
    labels: tuple[str, ...] = ()
    exclusive_labels: bool = False
    tokenizer_rules: int = TOKENIZER_RULES
    complete_references: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts and strings, safe to load with `weights_only=True`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`; one without `tokenizer_rules` is older than rules 2."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**{"tokenizer_rules": 1, **plain})


@runtime_checkable
class Track(Protocol):
    """Shows how far something slow is."""

    def __call__(self, items: Iterable[Any], *, description: str, total: int) -> Iterator[Any]:
        """The items, one after the other."""
        ...
