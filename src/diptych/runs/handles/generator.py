"""Runs that generate images."""

import difflib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.finish import Finish
from diptych.runs.images.pictures import Picture, digest_of
from diptych.runs.images.record import as_edit_record, as_record, as_walk_record
from diptych.runs.sampling_options import as_values, options_from
from diptych.systems.sampling_progress import Watch
from diptych.systems.walk import stops_of
from diptych.types import Images

MOST_SHOWN = 60


@dataclass
class ImageGenerator(Handle):
    """A run that generates images, of sentences where it learned from sentences.

    `chosen` are sampling options that hold wherever a call gives no others.
    """

    chosen: Mapping[str, Any] = field(default_factory=dict)

    task = "text_to_image"
    abilities = ("generate", "options", "text_encoder")
    does = "generate images"
    python_use = 'generate(["a sentence"], seed=0)[0].save("image.png")'

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
        progress: Watch | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """`num_images` images of each sentence, those of one sentence side by side; the same seed gives the same.

        `size` enlarges them, `finish` does more (`diptych.runs.images.finish`). A word that the run never saw is an
        error unless `allow_unknown`. A run that learned without sentences takes none. The noise of a sentence is
        another sentence's where `noise_keys` names that one. `options` are the family's sampling options, such as
        `truncation=0.7`. Each image's `info["diptych"]` says in JSON how it was made (`diptych.runs.images.record`).
        `progress(made, total)` is told how many images are made; what it raises ends the call.
        """
        if num_images < 1:
            raise UserError(f"num_images={num_images}: ask for at least one image (-n on the command line)")
        chosen, finish = self._options(options), self._finish(size, finish)
        self.check_words([*sentences, *chosen.sentences], allow_unknown=allow_unknown)
        asked_of = {"num_images": num_images, "seed": seed, "noise_keys": noise_keys, "progress": progress}
        pixels = self.sample(sentences, **asked_of, **options)
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
        progress: Watch | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """The images on the way between sentences, between noises, or both: `frames` from each stop to the next.

        A stop is image number `numbers[i]` of `sentences[i]`; one sentence or one number stands for all. The noise is
        that of the first sentence throughout, or of those that `noise_keys` names. At the stops, images are bit for bit
        those that `generate` gives of one sentence. All else is as in `generate`.
        """
        if not hasattr(self.system, "walk"):
            raise UserError(f"{type(self.system).__name__} has no walks between its images")
        chosen, finish = self._options(options), self._finish(size, finish)
        self.check_words([*sentences, *chosen.sentences], allow_unknown=allow_unknown)
        stops = stops_of(sentences or [""], numbers, noise_keys)
        pixels = self.system.walk(stops, frames, seed, chosen, progress=progress).cpu()
        pictures = [finish(picture) for picture in to_pil(pixels)]
        told = {"frames": frames, "seed": seed, "options": chosen, "digest": self.digest, "finish": finish.record()}
        for place, picture in enumerate(pictures):
            picture.info["diptych"] = as_walk_record(stops=stops, frame=place, **told)
        return pictures

    def edit_picture(
        self,
        picture: Picture,
        sentence: str = "",
        edits: Sequence[str] = (),
        *,
        seed: int = 0,
        size: int | None = None,
        finish: Finish | None = None,
        allow_unknown: bool = False,
        progress: Watch | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """The picture as it is made again from its own noise, then what each edit of its sentence makes of that noise.

        `sentence` is what the picture shows; the seed is of a little noise that is mixed in first. Of families that go
        back from images to noise: diffusion and flow, by `solver=ddim`. The picture is brought to the run's size; all
        else is as in `generate`.
        """
        if not getattr(self.system, "inverts", False):
            raise UserError(f"{type(self.system).__name__} does not go back from a picture to its noise; a flow does")
        if self.takes_sentences and not sentence:
            raise UserError("the noise of a picture is found by what it shows: say that in a sentence")
        if not self.takes_sentences and (sentence or edits):
            raise UserError(f"this generator learned from {self.data_spec.name} without sentences: give it none")
        chosen, finish = self._options({"solver": "ddim", **self.chosen, **options}), self._finish(size, finish)
        said = [sentence, *edits]
        self.check_words([*said, *chosen.sentences], allow_unknown=allow_unknown)
        pixels = self.pixels_of(picture)[None]
        read, steps = (said if self.takes_sentences else None), _Behind(progress, 1 + len(said))
        noise = self.system.invert(pixels, read and read[:1], seed, chosen, progress=steps)
        many = noise.expand(len(said), -1, -1, -1)
        images = self.system.generate_from(many, read, chosen, progress=steps)
        pictures = [finish(image) for image in to_pil(images.cpu())]
        told = {"inverted": digest_of(pixels), "shows": said[0], "seed": seed, "options": chosen, "digest": self.digest}
        for asked, image in zip(said, pictures, strict=True):
            image.info["diptych"] = as_edit_record(sentence=asked, finish=finish.record(), **told)
        return pictures

    def sample(
        self,
        sentences: Sequence[str],
        *,
        num_images: int = 1,
        seed: int = 0,
        batch_size: int = PICTURES_AT_ONCE,
        noise_keys: Sequence[str] | None = None,
        progress: Watch | None = None,
        **options: Any,
    ) -> Images:
        """As `generate`, but tensors in [-1, 1], and unknown words are read as <unk>."""
        chosen = self._options(options)
        images = self.system.generate(
            sentences or None,
            num_images,
            seed,
            chosen,
            batch_size=batch_size,
            noise_keys=noise_keys,
            **({} if progress is None else {"progress": progress}),
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


class _Behind:
    """The progress of several calls as one: each begins where the last one ended."""

    def __init__(self, watch: Watch | None, total: int) -> None:
        self.watch, self.total, self.before = watch, total, 0

    def __call__(self, made: float, total: int) -> None:
        if self.watch is not None:
            self.watch(self.before + made, self.total)
        if made == total:
            self.before += total


def _unknown_words(words: Sequence[str], vocabulary: Sequence[str]) -> str:
    lines = ["this run never saw"]
    for word in words:
        near = difflib.get_close_matches(word, vocabulary, n=3, cutoff=0.6)
        lines.append(f"  {word!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    shown = ", ".join(vocabulary[:MOST_SHOWN]) + (", …" if len(vocabulary) > MOST_SHOWN else "")
    lines += textwrap.wrap(f"It knows {len(vocabulary)} words: {shown}", 78)
    return "\n".join([*lines, "To read them as <unk> all the same: --allow-unknown"])
