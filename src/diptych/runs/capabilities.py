"""What a trained run can do, as protocols: ask for one of these, not for the class of a run or of its system."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from diptych.runs.images.pictures import Picture
from diptych.systems.captioning.system import Caption
from diptych.systems.classification.system import Classification
from diptych.types import DataSpec, Images


@runtime_checkable
class GeneratesImages(Protocol):
    """Generates images, of sentences where it `takes_sentences`; `cut` shortens one to what it reads.

    `tokenizer` splits sentences as in the data of its `data_spec`.
    """

    @property
    def data_spec(self) -> DataSpec: ...

    @property
    def tokenizer(self) -> Any: ...

    @property
    def takes_sentences(self) -> bool: ...

    def sample(
        self, sentences: Sequence[str], *, num_images: int = 1, seed: int = 0, batch_size: int = 64
    ) -> Images: ...

    def cut(self, sentence: str) -> str: ...


@runtime_checkable
class CaptionsImages(Protocol):
    """Captions images, and says what a given sentence costs."""

    def captions(self, pictures: Sequence[Picture], *, beam: int = 1) -> Iterator[Caption]: ...

    def nats_per_token(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> float: ...


@runtime_checkable
class ScoresSentences(Protocol):
    """Says of each image what each of several sentences costs, in nats: a captioner does."""

    def sentence_nats(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> Tensor: ...


@runtime_checkable
class ClassifiesImages(Protocol):
    """Finds which of its `labels` hold in images, as in the data of its `data_spec`."""

    @property
    def data_spec(self) -> DataSpec: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def classifications(self, pictures: Sequence[Picture]) -> Iterator[Classification]: ...


@runtime_checkable
class EmbedsPairs(Protocol):
    """Embeds images and sentences in one space, with vectors of length 1; `unknown_words` it reads as one."""

    def image_vectors(self, pictures: Sequence[Picture]) -> Tensor: ...

    def sentence_vectors(self, sentences: Sequence[str]) -> Tensor: ...

    def unknown_words(self, sentences: Sequence[str]) -> tuple[str, ...]: ...


@runtime_checkable
class TakesOptions(Protocol):
    """Generates with sampling options: `sampling` are those in use, `with_options` is the same run with others."""

    @property
    def sampling(self) -> dict[str, Any]: ...

    def with_options(self, options: Mapping[str, Any]) -> Any: ...
