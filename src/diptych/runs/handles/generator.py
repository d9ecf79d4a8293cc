"""Runs that generate images."""

import difflib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from PIL import Image
from torch import Tensor

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.handles.noise import Seeds, noise_of, one_seed, seeds_for
from diptych.runs.handles.ranking import JUDGE, LikelihoodRanking, Ranking
from diptych.runs.images.finish import Finish
from diptych.runs.images.pictures import Picture, digest_of
from diptych.runs.images.record import KEY, EditRecord, ImageRecord, WalkRecord, record_of
from diptych.runs.sampling_options import as_values, options_from
from diptych.systems.image_rngs import ImageRequest, image_requests, seeds_of_rows
from diptych.systems.sampling_progress import Watch
from diptych.systems.walk import stops_of
from diptych.types import DataSpec, Images

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
        seed: Seeds = 0,
        size: int | None = None,
        finish: Finish | None = None,
        allow_unknown: bool = False,
        noise_keys: Sequence[str] | None = None,
        noise: str | Tensor | None = None,
        progress: Watch | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """`num_images` images of each sentence, those of one sentence side by side; the same seed gives the same.

        `seed` may be one for each sentence, or for each image; None draws one for each image. `size` enlarges them,
        `finish` does more (`diptych.runs.images.finish`). A word that the run never saw is an error unless
        `allow_unknown`. A run that learned without sentences takes none. The noise of a sentence is another sentence's
        where `noise_keys` names that one; `noise` is one key for all sentences, or latents: a row for each image, or
        one for all. `options` are the family's sampling options, such as `truncation=0.7`. `record_of(image)` says how
        an image was made. `progress(made, total)` is told how many are; what it raises ends the call.
        """
        if num_images < 1:
            raise UserError(f"num_images={num_images}: ask for at least one image (-n on the command line)")
        chosen, finish = self._options(options), self._finish(size, finish)
        self.check_words([*sentences, *chosen.sentences], allow_unknown=allow_unknown)
        asked = list(sentences) or [""]
        keys, latents = noise_of(noise, noise_keys, len(asked), num_images)
        seeds = seeds_for(seed, len(asked) * num_images)
        requests = image_requests(asked, num_images, seeds, keys)
        how = {"num_images": num_images, "seed": seeds, "noise_keys": keys, "latents": latents, "progress": progress}
        pictures = [finish(picture) for picture in to_pil(self.sample(sentences, **how, **options))]
        for place, (request, picture) in enumerate(zip(requests, pictures, strict=True)):
            which = {} if latents is None else {"latents": digest_of(latents[place])}
            told = {**asdict(request), **which, **self._origin(chosen, finish)}
            picture.info[KEY] = ImageRecord(batch=_batch_of(place, len(requests)), **told).to_json()
        return pictures

    def generate_best(
        self,
        sentences: Sequence[str],
        *,
        best_of: int,
        by: Any = JUDGE,
        num_images: int = 1,
        size: int | None = None,
        finish: Finish | None = None,
        **settings: Any,
    ) -> list[Image.Image]:
        """The best `num_images` of `best_of` images of each sentence, the best first; records tell the scores.

        `by` is a loaded run that scores sentences (a captioner's likelihood, an embedding's cosine), or `judge` on
        scenes. `settings` are those of `generate`.
        """
        if not 1 <= num_images <= best_of:
            raise UserError(f"best_of={best_of}: that is fewer than the {num_images} images that are asked for")
        ranking = _by_judge(self.data_spec) if by == JUDGE else LikelihoodRanking(by)
        ranking.check(sentences)
        finish = self._finish(size, finish)
        pictures, best = self.generate(sentences, num_images=best_of, **settings), []
        for place, sentence in enumerate(sentences):
            row = pictures[place * best_of : (place + 1) * best_of]
            ranked = sorted(zip(ranking.scores(row, sentence), range(best_of), strict=True), key=lambda one: -one[0])
            told = {"of": best_of, "by": ranking.name, "scores": [round(score, 4) for score, _ in ranked]}
            for score, which in ranked[:num_images]:
                chosen = {**told, "score": round(score, 4)}
                record = replace(record_of(row[which]), finish=finish.record(), best_of=chosen)
                best.append(finish(row[which]))
                best[-1].info[KEY] = record.to_json()
        return best

    def generate_like(
        self,
        picture: Image.Image | Path | str | bytes | ImageRecord,
        sentences: Sequence[str] = (),
        *,
        size: int | None = None,
        finish: Finish | None = None,
        allow_unknown: bool = False,
        progress: Watch | None = None,
        **options: Any,
    ) -> list[Image.Image]:
        """The image that the picture's record tells of, or what other sentences make of its noise, seed and options.

        On the same machine, with as many threads, the image is the same bit for bit; one that was made beside other
        sentences may differ by rounding. `options` and the finish that are given replace those of the record.
        """
        record = picture if isinstance(picture, ImageRecord) else record_of(picture)
        self._check_origin(record)
        chosen = self._options({**record.options, **options})
        finish = self._finish(size, finish or Finish.of_record(record.finish))
        said = list(sentences) or [record.sentence]
        self.check_words([*said, *chosen.sentences], allow_unknown=allow_unknown)
        pictures, steps = [], _Behind(progress, len(said))
        for sentence in said:
            place, number = _batch_in(record) if sentence == record.sentence else (0, 1)
            request = ImageRequest(sentence, record.noise_key, record.seed, record.index)
            pixels = self.system.generate_each([request] * number, chosen, batch_size=number, progress=steps.as_one)
            pictures.append(finish(to_pil(pixels[place : place + 1])[0]))
            told = {**asdict(request), **self._origin(chosen, finish)}
            pictures[-1].info[KEY] = ImageRecord(batch=(place, number), **told).to_json()
        return pictures

    def edit(
        self, sentence: str, edits: Sequence[str], *, num_images: int = 1, seed: Seeds = 0, **settings: Any
    ) -> list[list[Image.Image]]:
        """The images of the sentence, then those of each edit of it: image i of all comes from the same noise.

        `settings` are those of `generate`.
        """
        sentences = [sentence, *edits]
        settings = {"noise": sentence, **settings}
        seeds = seeds_of_rows(seeds_for(seed, num_images), 1, len(sentences))
        pictures = self.generate(sentences, num_images=num_images, seed=seeds, **settings)
        return [pictures[start : start + num_images] for start in range(0, len(pictures), num_images)]

    def walk(
        self,
        sentences: Sequence[str] = (),
        *,
        numbers: Sequence[int] = (0,),
        frames: int = 16,
        seed: int | None = 0,
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
        seed = one_seed(seed)
        pixels = self.system.walk(stops, frames, seed, chosen, progress=progress).cpu()
        pictures = [finish(picture) for picture in to_pil(pixels)]
        told = {"stops": tuple(list(stop) for stop in stops), "frames": frames, "seed": seed}
        for place, picture in enumerate(pictures):
            picture.info[KEY] = WalkRecord(frame=place, **told, **self._origin(chosen, finish)).to_json()
        return pictures

    def edit_picture(
        self,
        picture: Picture,
        sentence: str = "",
        edits: Sequence[str] = (),
        *,
        seed: int | None = 0,
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
        read, steps, seed = (said if self.takes_sentences else None), _Behind(progress, 1 + len(said)), one_seed(seed)
        noise = self.system.invert(pixels, read and read[:1], seed, chosen, progress=steps)
        many = noise.expand(len(said), -1, -1, -1)
        images = self.system.generate_from(many, read, chosen, progress=steps)
        pictures = [finish(image) for image in to_pil(images.cpu())]
        told = {"inverted": digest_of(pixels), "shows": said[0], "seed": seed, **self._origin(chosen, finish)}
        for asked, image in zip(said, pictures, strict=True):
            image.info[KEY] = EditRecord(sentence=asked, **told).to_json()
        return pictures

    def sample(
        self,
        sentences: Sequence[str],
        *,
        num_images: int = 1,
        seed: int | Sequence[int] = 0,
        batch_size: int = PICTURES_AT_ONCE,
        noise_keys: Sequence[str] | None = None,
        latents: Tensor | None = None,
        progress: Watch | None = None,
        **options: Any,
    ) -> Images:
        """As `generate`, but tensors in [-1, 1], and unknown words are read as <unk>."""
        chosen = self._options(options)
        asked = {"batch_size": batch_size, "noise_keys": noise_keys, "latents": latents, "progress": progress}
        given = {name: value for name, value in asked.items() if value is not None}
        return self.system.generate(sentences or None, num_images, seed, chosen, **given).cpu()

    def _origin(self, options: Any, finish: Finish) -> dict[str, Any]:
        """What the records of all images of a call share."""
        origin = {"checkpoint": self.digest, "run": self.run.run_id}
        return {"options": as_values(options), "finish": finish.record(), **origin}

    def _check_origin(self, record: ImageRecord) -> None:
        """Refuse images that these weights did not make, or that nothing can make again."""
        if record.checkpoint != self.digest:
            raise UserError(
                f"the image is of other weights ({record.run or 'a run without a name'}, checkpoint "
                f"{record.checkpoint[:8]}) than {self.run.run_id} {self.checkpoint_name} ({self.digest[:8]}): name "
                "that run or checkpoint"
            )
        if record.latents:
            raise UserError("the image's latents were given as numbers, which no record holds: give them as noise=")

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

    def as_one(self, made: float, total: int) -> None:
        """A call whose images count as one."""
        self(made / total, 1)


def _by_judge(data_spec: DataSpec) -> Ranking:
    from diptych.runs.handles.judge_ranking import JudgeRanking  # its metrics import what takes seconds

    return JudgeRanking(data_spec)


def _batch_of(place: int, total: int) -> tuple[int, int]:
    """The image's place in its batch, and the size of that."""
    start = place - place % PICTURES_AT_ONCE
    return place - start, min(PICTURES_AT_ONCE, total - start)


def _batch_in(record: ImageRecord) -> tuple[int, int]:
    """The same from a record, which may be anybody's; alone where that says nothing possible."""
    place, size = record.batch or (0, 1)
    return (place, size) if 0 <= place < size <= PICTURES_AT_ONCE else (0, 1)


def _unknown_words(words: Sequence[str], vocabulary: Sequence[str]) -> str:
    lines = ["this run never saw"]
    for word in words:
        near = difflib.get_close_matches(word, vocabulary, n=3, cutoff=0.6)
        lines.append(f"  {word!r}" + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    shown = ", ".join(vocabulary[:MOST_SHOWN]) + (", …" if len(vocabulary) > MOST_SHOWN else "")
    lines += textwrap.wrap(f"It knows {len(vocabulary)} words: {shown}", 78)
    return "\n".join([*lines, "To read them as <unk> all the same: --allow-unknown"])
