"""What people hold of a trained run: it generates, captions, classifies or embeds, with PIL images and strings.

A handle offers what its system can do, whatever its class: a family of one's own that has `generate` is an image
generator. All use the run's best checkpoint, unless another is asked for, and, where the run keeps them, averaged
weights.
"""

import difflib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.config import Config
from diptych.config.errors import UserError
from diptych.metrics.weights_digest import weights_digest
from diptych.runs.folder.layout import RunFolder
from diptych.runs.images.finish import Finish
from diptych.runs.images.pictures import Picture, to_pixels
from diptych.runs.images.record import as_record, as_walk_record
from diptych.runs.sampling_options import as_values, options_from
from diptych.systems.captioning.system import Caption
from diptych.systems.classification.system import Classification
from diptych.systems.walk import stops_of
from diptych.text import tokenizer_of
from diptych.types import DataSpec, Images

PICTURES_AT_ONCE = 64
MOST_SHOWN = 60


@dataclass
class Handle:
    """What all handles share: where they come from, and what they know.

    `config` is the checkpoint's; `trust` names the foreign packages that were trusted to restore it.
    """

    run: RunFolder
    checkpoint: Path
    system: Any
    config: Config = field(default_factory=dict)
    trust: tuple[str, ...] = ()

    task: ClassVar[str] = ""
    """The task whose latest run `latest` means."""
    abilities: ClassVar[tuple[str, ...]] = ()
    """Methods of the system that the handle is made of."""
    does: ClassVar[str] = ""
    """What such a run can do, for messages."""

    @classmethod
    def fits(cls, system: Any) -> bool:
        """Whether the system can do what this handle offers."""
        return all(hasattr(system, ability) for ability in cls.abilities)

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        """The command that a newly trained run is used with, and what follows the run's name on the command line."""
        return ("report",)

    @property
    def checkpoint_name(self) -> str:
        """Its checkpoint's name in file names and results; that of a file from elsewhere has its weights' digest."""
        stem = self.checkpoint.stem
        return stem if self.checkpoint.is_relative_to(self.run.path) else f"{stem}-{self.digest[:8]}"

    @property
    def data_spec(self) -> DataSpec:
        """The facts of the data that it learned from."""
        return self.system.data_spec

    @property
    def images_seen(self) -> int:
        """How much training the weights have had."""
        return self.system.images_seen

    @property
    def image_size(self) -> int:
        """Pixels a side of the images it works on."""
        return self.data_spec.image_size

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words it knows."""
        return tuple(self.data_spec.vocabulary[4:])

    @cached_property
    def tokenizer(self) -> Any:
        """Splits sentences as in training."""
        return tokenizer_of(self.data_spec)

    @cached_property
    def digest(self) -> str:
        """Names the weights, wherever their checkpoint lies."""
        return weights_digest(self.system.state_dict())

    @property
    def reads_any_text(self) -> bool:
        """Whether no word is unknown to it and no sentence too long: its text encoder has a tokenizer of its own."""
        return getattr(self.system, "reads_any_text", False)

    def unknown_words(self, sentences: Sequence[str]) -> tuple[str, ...]:
        """The words that the run never saw, each once; none where it reads any text."""
        if self.reads_any_text:
            return ()
        known = set(self.vocabulary)
        return tuple(dict.fromkeys(w for s in sentences for w in self.tokenizer.split(s) if w not in known))

    def pixels_of(self, picture: Picture) -> torch.Tensor:
        """The image as the network is given it."""
        return to_pixels(picture, self.image_size, self.data_spec.image_channels)

    def _batches(self, pictures: Sequence[Picture]) -> Iterator[Images]:
        """The images on the network's device, as many at once as memory should hold."""
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            batch = pictures[start : start + PICTURES_AT_ONCE]
            yield torch.stack([self.pixels_of(picture) for picture in batch]).to(self.system.device)


@dataclass
class ImageGenerator(Handle):
    """A run that generates images, of sentences where it learned from sentences.

    `chosen` are sampling options that hold wherever a call gives no others.
    """

    chosen: Mapping[str, Any] = field(default_factory=dict)

    task = "text_to_image"
    abilities = ("generate", "options", "text_encoder")
    does = "generate images"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("generate", sentence) if sentence and system.text_encoder is not None else ("generate",)

    @property
    def takes_sentences(self) -> bool:
        """Whether it generates what a sentence says."""
        return self.system.text_encoder is not None

    @property
    def sampling(self) -> dict[str, Any]:
        """Every sampling option of the family, as it is used where a call gives no others."""
        return as_values(self._options({}))

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """The same run with other sampling options; impossible ones are refused by name."""
        other = replace(self, chosen={**self.chosen, **options})
        other._options({})
        return other

    def generate(
        self,
        sentences: Sequence[str] = (),
        *,
        num_images: int = 1,
        seed: int = 0,
        size: int | None = None,
        finish: Finish | None = None,
        allow_unknown: bool = False,
        noise_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """`num_images` images of each sentence, those of one sentence side by side; the same seed gives the same.

        `size` enlarges them, `finish` does more (`diptych.runs.images.finish`). A word that the run never saw is an
        error unless `allow_unknown`. A run that learned without sentences takes none. The noise of a sentence is
        another sentence's where `noise_keys` names that one. `options` are the family's sampling options, such as
        `truncation=0.7`. Each image's `info["diptych"]` says in JSON how it was made (`diptych.runs.images.record`).
        """
        if num_images < 1:
            raise UserError(f"num_images={num_images}: ask for at least one image (-n on the command line)")
        self.check_words(sentences, allow_unknown=allow_unknown)
        chosen, finish = self._options(options), self._finish(size, finish)
        pixels = self.sample(sentences, num_images=num_images, seed=seed, noise_keys=noise_keys, **options)
        pictures = [finish(picture) for picture in to_pil(pixels)]
        asked = list(sentences) or [""]
        keys = asked if noise_keys is None else noise_keys
        told = {"seed": seed, "options": chosen, "digest": self.digest, "finish": finish.record()}
        for place, picture in enumerate(pictures):
            which, index = divmod(place, num_images)
            picture.info["diptych"] = as_record(sentence=asked[which], noise_key=keys[which], index=index, **told)
        return pictures

    def edit(
        self, sentence: str, edits: Sequence[str], *, num_images: int = 1, **settings: Any
    ) -> list[list[Image.Image]]:
        """The images of the sentence, then those of each edit of it: image i of all comes from the same noise.

        `settings` are those of `generate`.
        """
        sentences = [sentence, *edits]
        keys = [sentence] * len(sentences)
        pictures = self.generate(sentences, num_images=num_images, noise_keys=keys, **settings)
        return [pictures[start : start + num_images] for start in range(0, len(pictures), num_images)]

    def walk(
        self,
        sentences: Sequence[str] = (),
        *,
        numbers: Sequence[int] = (0,),
        frames: int = 16,
        seed: int = 0,
        size: int | None = None,
        finish: Finish | None = None,
        allow_unknown: bool = False,
        noise_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """The images on the way between sentences, between noises, or both: `frames` from each stop to the next.

        A stop is image number `numbers[i]` of `sentences[i]`; one sentence or one number stands for all. The noise is
        that of the first sentence throughout, or of those that `noise_keys` names. At the stops, images are bit for bit
        those that `generate` gives of one sentence. All else is as in `generate`.
        """
        if not hasattr(self.system, "walk"):
            raise UserError(f"{type(self.system).__name__} has no walks between its images")
        self.check_words(sentences, allow_unknown=allow_unknown)
        chosen, finish = self._options(options), self._finish(size, finish)
        stops = stops_of(sentences or [""], numbers, noise_keys)
        pixels = self.system.walk(stops, frames, seed, chosen).cpu()
        pictures = [finish(picture) for picture in to_pil(pixels)]
        told = {"frames": frames, "seed": seed, "options": chosen, "digest": self.digest, "finish": finish.record()}
        for place, picture in enumerate(pictures):
            picture.info["diptych"] = as_walk_record(stops=stops, frame=place, **told)
        return pictures

    def sample(
        self,
        sentences: Sequence[str],
        *,
        num_images: int = 1,
        seed: int = 0,
        batch_size: int = PICTURES_AT_ONCE,
        noise_keys: Sequence[str] | None = None,
        **options: Any,
    ) -> Images:
        """As `generate`, but tensors in [-1, 1], and unknown words are read as <unk>."""
        chosen = self._options(options)
        images = self.system.generate(
            sentences or None, num_images, seed, chosen, batch_size=batch_size, noise_keys=noise_keys
        )
        return images.cpu()

    def _options(self, options: Mapping[str, Any]) -> Any:
        """The family's options; what it does not know, or these networks cannot follow, is refused by name."""
        chosen = options_from(self.system.options, {**self.chosen, **options})
        if hasattr(self.system, "check_options"):
            self.system.check_options(chosen)
        return chosen

    def _finish(self, size: int | None, finish: Finish | None) -> Finish:
        chosen = replace(finish or Finish(), **({} if size is None else {"size": size}))
        chosen.check(self.image_size)
        return chosen

    def cut(self, sentence: str) -> str:
        """As much of the sentence as the generator reads."""
        if self.reads_any_text:
            return sentence
        return self.tokenizer.join(self.tokenizer.split(sentence)[: self.data_spec.max_length - 2])

    def check_words(self, sentences: Sequence[str], *, allow_unknown: bool = False) -> None:
        """Refuse words that the run never saw, naming those near them."""
        if not allow_unknown and self.takes_sentences and (words := self.unknown_words(sentences)):
            raise UserError(_unknown_words(words, self.vocabulary))


@dataclass
class ImageCaptioner(Handle):
    """A run that captions images."""

    task = "captioning"
    abilities = ("caption", "negative_log_likelihood")
    does = "caption images"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    def caption(self, pictures: Sequence[Picture], *, beam: int = 1) -> list[Caption]:
        """A caption of each image: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return list(self.captions(pictures, beam=beam))

    def captions(self, pictures: Sequence[Picture], *, beam: int = 1) -> Iterator[Caption]:
        """As `caption`, one after the other, a batch of images in memory at a time."""
        check_beam(beam)
        for pixels in self._batches(pictures):
            yield from self.system.caption(pixels, beam=beam)

    @torch.no_grad()
    def nats_per_token(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> float:
        """What saying each sentence of its image costs; its exponential is the perplexity."""
        nats, count = 0.0, 0
        for start, pixels in zip(range(0, len(pictures), PICTURES_AT_ONCE), self._batches(pictures), strict=True):
            tokens, mask = self.tokenizer.encode_batch(sentences[start : start + PICTURES_AT_ONCE])
            lengths = mask[:, 1:].sum(dim=1)
            means = self.system.negative_log_likelihood(pixels, tokens.to(pixels.device)).cpu()
            nats += float((means * lengths).sum())
            count += int(lengths.sum())
        return nats / count

    @torch.no_grad()
    def sentence_nats(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> torch.Tensor:
        """What each sentence costs, given each image: a row an image, a column a sentence."""
        tokens, mask = self.tokenizer.encode_batch(sentences)
        lengths, rows = mask[:, 1:].sum(dim=1), []
        for pixels in self._batches(pictures):
            every = tokens.repeat(len(pixels), 1).to(pixels.device)
            means = self.system.negative_log_likelihood(pixels, every).cpu()
            rows.append(means.unflatten(0, (len(pixels), len(sentences))) * lengths)
        return torch.cat(rows)


@dataclass
class ImageClassifier(Handle):
    """A run that finds which labels hold in images."""

    task = "classification"
    abilities = ("classify",)
    does = "classify images"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    @property
    def labels(self) -> tuple[str, ...]:
        """All that it can find."""
        return tuple(self.data_spec.labels)

    def classify(self, pictures: Sequence[Picture]) -> list[Classification]:
        """What is in each image: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return list(self.classifications(pictures))

    def classifications(self, pictures: Sequence[Picture]) -> Iterator[Classification]:
        """As `classify`, one after the other, a batch of images in memory at a time."""
        for pixels in self._batches(pictures):
            yield from self.system.classify(pixels)


@dataclass
class PairEmbedder(Handle):
    """A run that embeds images and sentences in one space: cosines say how well they fit."""

    task = "embedding"
    abilities = ("embed_images", "embed_sentences")
    does = "embed images and sentences"

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    def image_vectors(self, pictures: Sequence[Picture]) -> torch.Tensor:
        """A vector of length 1 for each image: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return torch.cat([self.system.embed_images(pixels).cpu() for pixels in self._batches(pictures)])

    def sentence_vectors(self, sentences: Sequence[str]) -> torch.Tensor:
        """A vector of length 1 for each sentence; words that the run never saw are read as <unk>."""
        parts = [sentences[i : i + PICTURES_AT_ONCE] for i in range(0, len(sentences), PICTURES_AT_ONCE)]
        return torch.cat([self.system.embed_sentences(part).cpu() for part in parts])

    def similarities(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> torch.Tensor:
        """The cosine of each image (a row) and each sentence (a column)."""
        return self.image_vectors(pictures) @ self.sentence_vectors(sentences).T


HANDLES: tuple[type[Handle], ...] = (ImageGenerator, ImageCaptioner, ImageClassifier, PairEmbedder)


def handle_for(system: Any) -> type[Handle]:
    """The handle of a system: the plain one where it can do none of these things, one of its own for several."""
    fitting = tuple(handle for handle in HANDLES if handle.fits(system))
    if len(fitting) < 2:
        return fitting[0] if fitting else Handle
    return type("LoadedRun", fitting, {"__doc__": " ".join(handle.__doc__ or "" for handle in fitting)})


def check_beam(beam: int) -> None:
    """Refuse a search that keeps nothing."""
    if beam < 1:
        raise UserError(f"beam={beam}: keep at least one hypothesis in the search (1 is greedy)")


def _unknown_words(words: Sequence[str], vocabulary: Sequence[str]) -> str:
    lines = ["this run never saw"]
    for word in words:
        near = difflib.get_close_matches(word, vocabulary, n=3, cutoff=0.6)
        lines.append(f"  {word!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    shown = ", ".join(vocabulary[:MOST_SHOWN]) + (", …" if len(vocabulary) > MOST_SHOWN else "")
    lines += textwrap.wrap(f"It knows {len(vocabulary)} words: {shown}", 78)
    return "\n".join([*lines, "To read them as <unk> all the same: --allow-unknown"])
