"""Examples that have cached features in place of their pictures."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor

from diptych.data.example import Example, ExampleRequest
from diptych.data.feature_cache.store import FeatureRows
from diptych.data.membership import Identity
from diptych.data.wrapped import Wrapped


class Cacheable(Protocol):
    """A finite split that knows its pictures by their content, and its examples without opening a picture."""

    @property
    def size(self) -> int | None: ...

    def identity_of(self, index: int) -> Identity: ...

    def without_picture(self, request: ExampleRequest) -> Example:
        """What `__getitem__` gives, but for the picture; captions are drawn alike."""
        ...


@dataclass(frozen=True)
class StoredFeatures:
    """The features of one picture, and those of its mirror image where they are cached."""

    index: int
    plain: FeatureRows
    mirrored: FeatureRows | None

    def read(self, *, mirrored: bool) -> tuple[Tensor, Tensor]:
        """The pooled vector and the regions."""
        rows = self.mirrored if mirrored else self.plain
        assert rows is not None, "a flip is refused where none is cached"
        return rows.read(self.index)


@dataclass(frozen=True)
class CachedExamples(Wrapped):
    """The examples of a split whose pictures are never opened."""

    plain: FeatureRows
    mirrored: FeatureRows | None = None

    def __getitem__(self, request: ExampleRequest) -> Example:
        examples: Any = self.examples
        features = StoredFeatures(request.index, self.plain, self.mirrored)
        return replace(examples.without_picture(request), features=features)
