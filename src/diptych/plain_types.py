"""What the rooms hand to one another that holds no tensor: scenes, the facts of a data set, progress.

Scene coordinates are pixels of the scene's own canvas, x to the right, y downwards.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

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


@dataclass(frozen=True)
class DataSpec:
    """The facts a data set publishes and networks are built from; plain values, carried by every checkpoint.

    `vocabulary[i]` is the text of token i (the first four are `SPECIAL_TOKENS`); `max_length` counts <bos> and
    <eos>; `world` holds the keyword arguments of `diptych.world.WorldSpec` where truth is exact, else None. `labels`
    are what may be classified in a picture, any number of them or, with `exclusive_labels`, exactly one. Where
    `complete_references`, the references of a picture are all that is true of it: any other sentence is wrong.
    `tokenizer_rules` numbers the rules by which `tokenizer` made the vocabulary; `subwords` is what a tokenizer learned
    besides, as JSON. `columns` are the values of each column where sentences are those of a table's columns
    (`diptych.text.columns`), else None.
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
    columns: dict[str, list[str]] | None = field(default=None)
    subwords: str = ""

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
