"""A trained run in Python: `diptych.load(run)` gives an image generator, captioner or classifier.

Pictures go in and come out as PIL images; sentences are strings. Both take the run's best checkpoint, and generators
its averaged weights.
"""

import difflib
import textwrap
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.config import Config
from diptych.config.errors import UserError
from diptych.runs.build import restore_system
from diptych.runs.checkpoints import read_checkpoint
from diptych.runs.folder.find import default_outputs, find_run
from diptych.runs.folder.layout import RunFolder
from diptych.runs.parts import load_parts
from diptych.runs.pictures import Picture, to_pixels
from diptych.systems.base import System
from diptych.systems.captioning.system import Caption, Captioner
from diptych.systems.classification.system import Classification
from diptych.systems.classification.system import Classifier as ClassifierSystem
from diptych.systems.text_to_image import TextToImage
from diptych.text import tokenizer_of
from diptych.types import DataSpec, Images

CAPTIONS_AT_ONCE = PICTURES_AT_ONCE = 64
MOST_SHOWN = 60


def load(run: str | Path, *, trust: Collection[str] = ()) -> "ImageGenerator | ImageCaptioner | ImageClassifier":
    """The run that `run` names: a run folder, an id or its beginning, or `latest`.

    `trust` names packages of your own whose classes the run was built from.
    """
    return load_checkpoint(find_run(str(run), default_outputs()), trust=trust)


def load_checkpoint(
    folder: RunFolder, checkpoint: Path | None = None, *, trust: Collection[str] = ()
) -> "ImageGenerator | ImageCaptioner | ImageClassifier":
    """The run in `folder` as it was at `checkpoint` (by default its best, else its last)."""
    checkpoint = checkpoint or folder.checkpoint()
    config = read_checkpoint(checkpoint)["config"]
    system = restore_system(checkpoint, trust, _own_parts(folder, config, trust))
    system = system.to("cuda" if torch.cuda.is_available() else "cpu")
    for kind in (ImageGenerator, ImageCaptioner, ImageClassifier):
        if isinstance(system, kind.system_class):
            return kind(folder, checkpoint, system, config)
    raise UserError(f"{folder.run_id} trains a {type(system).__name__}, which neither generates, tells nor classifies")


def load_generator(run: str | Path, *, trust: Collection[str] = ()) -> "ImageGenerator":
    """The run, which must generate; `latest` is the latest that does."""
    return _load_kind(run, ImageGenerator, trust)


def load_captioner(run: str | Path, *, trust: Collection[str] = ()) -> "ImageCaptioner":
    """The run, which must tell; `latest` is the latest that does."""
    return _load_kind(run, ImageCaptioner, trust)


def load_classifier(run: str | Path, *, trust: Collection[str] = ()) -> "ImageClassifier":
    """The run, which must classify; `latest` is the latest that does."""
    return _load_kind(run, ImageClassifier, trust)


def load_partner(run: str | Path, *, trust: Collection[str] = ()) -> "ImageCaptioner | ImageClassifier":
    """The run, which must tell or classify, to be shown a generator's pictures; `latest` is the latest that tells."""
    handle = load_checkpoint(find_run(str(run), default_outputs(), ImageCaptioner.role), trust=trust)
    if isinstance(handle, ImageGenerator):
        raise UserError(
            f"{handle.run.run_id} generates: --with takes a run that tells or classifies what was generated"
        )
    return handle


@dataclass
class Handle:
    """What generators, captioners and classifiers share: where they come from, and what they know."""

    run: RunFolder
    checkpoint: Path
    system: Any
    config: Config = field(default_factory=dict)
    """The checkpoint's configuration."""

    system_class = System
    role = ""

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
        """Pixels a side of the pictures it works on."""
        return self.system.data_spec.image_size

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The words it knows."""
        return tuple(self.system.data_spec.vocabulary[4:])

    @cached_property
    def tokenizer(self) -> Any:
        """Splits sentences as in training."""
        return tokenizer_of(self.system.data_spec)

    def pixels_of(self, picture: Picture) -> torch.Tensor:
        """The picture as the network is given it."""
        return to_pixels(picture, self.image_size, self.system.data_spec.image_channels)

    def _batches(self, pictures: Sequence[Picture]) -> Iterator[Images]:
        """The pictures on the network's device, as many at once as memory should hold."""
        for start in range(0, len(pictures), PICTURES_AT_ONCE):
            batch = pictures[start : start + PICTURES_AT_ONCE]
            yield torch.stack([self.pixels_of(picture) for picture in batch]).to(self.system.device)


@dataclass
class ImageGenerator(Handle):
    """A run that generates sentences."""

    system_class = TextToImage
    role = "gan"

    @property
    def takes_sentences(self) -> bool:
        """Whether it generates what a sentence says; a run without a text encoder takes none."""
        return self.system.text_encoder is not None

    def generate(
        self,
        sentences: Sequence[str] = (),
        *,
        num_images: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        size: int | None = None,
        allow_unknown: bool = False,
    ) -> list[Image.Image]:
        """`num_images` pictures of each sentence, those of one sentence side by side; the same seed gives the same.

        `size` enlarges them. A word that the run never saw is an error unless `allow_unknown`. A run that learned
        without sentences takes none.
        """
        if num_images < 1:
            raise UserError(f"num_images={num_images}: ask for at least one picture (-n on the command line)")
        self.check_words(sentences, allow_unknown=allow_unknown)
        pixels = self.sample(sentences, num_images=num_images, seed=seed, truncation=truncation)
        pictures = to_pil(pixels)
        return pictures if size is None else [enlarged(picture, size) for picture in pictures]

    def sample(
        self,
        sentences: Sequence[str],
        *,
        num_images: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        batch_size: int = PICTURES_AT_ONCE,
    ) -> Images:
        """As `generate`, but tensors in [-1, 1], and unknown words are generated as <unk>."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            pictures = self.system.generate(sentences or None, num_images, seed, truncation, batch_size=batch_size)
        return pictures.cpu()

    def cut(self, sentence: str) -> str:
        """As much of the sentence as the generator reads."""
        return self.tokenizer.join(self.tokenizer.split(sentence)[: self.system.data_spec.max_length - 2])

    def check_words(self, sentences: Sequence[str], *, allow_unknown: bool = False) -> None:
        """Refuse words that the run never saw, naming those near them."""
        known = set(self.vocabulary)
        words = dict.fromkeys(w for s in sentences for w in self.tokenizer.split(s) if w not in known)
        if words and not allow_unknown:
            raise UserError(_unknown_words(tuple(words), self.vocabulary))


@dataclass
class ImageCaptioner(Handle):
    """A run that describes pictures."""

    system_class = Captioner
    role = "captioner"

    def caption(self, pictures: Sequence[Picture], *, beam: int = 1) -> list[Caption]:
        """A caption of each picture: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return list(self.captions(pictures, beam=beam))

    def captions(self, pictures: Sequence[Picture], *, beam: int = 1) -> Iterator[Caption]:
        """As `caption`, one after the other, a batch of pictures in memory at a time."""
        check_beam(beam)
        for pixels in self._batches(pictures):
            yield from self.system.caption(pixels, beam=beam)

    @torch.no_grad()
    def nats_per_token(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> float:
        """What saying each sentence of its picture costs; its exponential is the perplexity."""
        nats, count = 0.0, 0
        for start, pixels in zip(range(0, len(pictures), PICTURES_AT_ONCE), self._batches(pictures), strict=True):
            tokens, mask = self.tokenizer.encode_batch(sentences[start : start + PICTURES_AT_ONCE])
            lengths = mask[:, 1:].sum(dim=1)
            means = self.system.negative_log_likelihood(pixels, tokens.to(pixels.device)).cpu()
            nats += float((means * lengths).sum())
            count += int(lengths.sum())
        return nats / count


@dataclass
class ImageClassifier(Handle):
    """A run that names what is in pictures."""

    system_class = ClassifierSystem
    role = "classifier"

    @property
    def labels(self) -> tuple[str, ...]:
        """All that it can find."""
        return tuple(self.system.data_spec.labels)

    def classify(self, pictures: Sequence[Picture]) -> list[Classification]:
        """What is in each picture: PIL images, paths or tensors in [-1, 1], brought to the model's size."""
        return list(self.classifications(pictures))

    def classifications(self, pictures: Sequence[Picture]) -> Iterator[Classification]:
        """As `classify`, one after the other, a batch of pictures in memory at a time."""
        for pixels in self._batches(pictures):
            yield from self.system.classify(pixels)


def check_beam(beam: int) -> None:
    """Refuse a search that keeps nothing."""
    if beam < 1:
        raise UserError(f"beam={beam}: keep at least one hypothesis in the search (1 is greedy)")


def enlarged(picture: Image.Image, size: int) -> Image.Image:
    """Brought to `size` pixels a side: whole multiples keep their pixels square, others are smoothed."""
    whole = size % picture.width == 0
    return picture.resize((size, size), Image.Resampling.NEAREST if whole else Image.Resampling.BICUBIC)


def _own_parts(folder: RunFolder, config: Config, trust: Collection[str]) -> dict[str, System]:
    """The parts from other runs that this one was trained with, from its own copies."""
    return load_parts(config["parts"], folder, trust) if folder.parts.is_dir() else {}


def _load_kind(run: str | Path, kind: type[Any], trust: Collection[str]) -> Any:
    handle = load_checkpoint(find_run(str(run), default_outputs(), kind.role), trust=trust)
    if not isinstance(handle, kind):
        does = {
            "ImageGenerator": "generate sentences",
            "ImageCaptioner": "describe pictures",
            "ImageClassifier": "name what is in pictures",
        }
        raise UserError(f"{handle.run.run_id} is a run that cannot {does[kind.__name__]}: name another")
    return handle


def _unknown_words(words: Sequence[str], vocabulary: Sequence[str]) -> str:
    lines = ["this run never saw"]
    for word in words:
        near = difflib.get_close_matches(word, vocabulary, n=3, cutoff=0.6)
        lines.append(f"  {word!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    shown = ", ".join(vocabulary[:MOST_SHOWN]) + (", …" if len(vocabulary) > MOST_SHOWN else "")
    lines += textwrap.wrap(f"It knows {len(vocabulary)} words: {shown}", 78)
    return "\n".join([*lines, "To generate them as <unk> all the same: --allow-unknown"])
