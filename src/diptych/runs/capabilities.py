"""What a trained run can do, as protocols: ask for one of these, not for the class of a run or of its system."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from diptych.runs.images.pictures import Picture
from diptych.systems.captioning.captions import Caption
from diptych.systems.captioning.options import CaptionOptions
from diptych.systems.classification.labels import Classification
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
    """Captions images; `options` are those of captions, such as `beam=5`."""

    def captions(self, pictures: Sequence[Picture], **options: Any) -> Iterator[Caption]: ...


@runtime_checkable
class SamplesCaptions(Protocol):
    """Draws captions where it `samples_captions`, with options of captions.

    A higher temperature draws more freely, and 0 takes the likeliest where it may be.
    """

    @property
    def data_spec(self) -> DataSpec: ...

    @property
    def samples_captions(self) -> bool: ...

    def sampled_captions(
        self, pictures: Sequence[Picture], *, seed: int, temperature: float = 1.0, **options: Any
    ) -> Iterator[Caption]: ...


@runtime_checkable
class TellsLatents(Protocol):
    """Says what the latents of sentences hold: nats a sentence beyond its image, and how many latents are active."""

    def latents_told(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> tuple[float, int]: ...


@runtime_checkable
class KnowsPerplexity(Protocol):
    """Says what a given sentence of an image costs; captioners that learned do."""

    def nats_per_token(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> float: ...


@runtime_checkable
class TakesCaptionOptions(Protocol):
    """Captions with options of captions: `caption_options` refuses by name what the run cannot follow."""

    def caption_options(self, **options: Any) -> CaptionOptions: ...


@runtime_checkable
class ScoresSentences(Protocol):
    """Says of each image what each of several sentences costs, in nats: a captioner does."""

    def sentence_nats(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> Tensor: ...


@runtime_checkable
class ScoresOwnSentences(Protocol):
    """Says how well each of several sentences fits its image, higher is better, if it `reads_whole` each of them.

    A captioner gives log-likelihoods, an embedding cosines.
    """

    def own_sentence_scores(self, pictures: Sequence[Picture], sentences: Sequence[Sequence[str]]) -> Tensor: ...

    def reads_whole(self, sentence: str) -> bool: ...


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
class ReconstructsImages(Protocol):
    """Makes images again where it `reconstructs`, given a sentence for each where it learned from sentences."""

    @property
    def reconstructs(self) -> bool: ...

    def reconstructions(self, pictures: Sequence[Picture], sentences: Sequence[str] = ()) -> Iterator[Images]: ...


@runtime_checkable
class TakesOptions(Protocol):
    """Generates with sampling options: `sampling` are those in use, `with_options` is the same run with others."""

    @property
    def sampling(self) -> dict[str, Any]: ...

    def with_options(self, options: Mapping[str, Any]) -> Any: ...
