"""Runs that caption images."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.pictures import Picture
from diptych.runs.sampling_options import OF_CAPTIONS, options_from
from diptych.systems.captioning.captions import Caption, CaptionScore
from diptych.systems.captioning.options import CaptionOptions


@dataclass
class ImageCaptioner(Handle):
    """A run that captions images."""

    task = "captioning"
    abilities = ("caption", "negative_log_likelihood")
    does = "caption images"
    python_use = 'caption(["picture.png"])[0].text'

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    @property
    def bounds_likelihood(self) -> bool:
        """Whether what it says of a sentence's cost is a bound: the sentence may cost less."""
        return getattr(self.system, "bounds_likelihood", False)

    @property
    def samples_captions(self) -> bool:
        """Whether it draws captions; one of another package may only find the best."""
        return hasattr(self.system, "sample_captions")

    @property
    def weighs_words(self) -> bool:
        """Whether its captions come word by word, so that each word has a probability."""
        return hasattr(self.system, "speaker")

    def sampled_captions(
        self, pictures: Sequence[Picture], *, seed: int, temperature: float = 1.0, **options: Any
    ) -> Iterator[Caption]:
        """A caption of each image that is drawn, from words, latents or templates, as the captioner does it.

        Other `options` are those of `caption`, as far as what is drawn can follow them.
        """
        for pixels in self._batches(pictures):
            yield from self.system.sample_captions(pixels, seed=seed, temperature=temperature, **options)

    def caption(self, pictures: Sequence[Picture], **options: Any) -> list[Caption]:
        """A caption of each image: PIL images, arrays, bytes, paths or tensors in [-1, 1], brought to the model's size.

        `options` are those of `diptych.systems.captioning.options.CaptionOptions`, such as `beam=5`.
        """
        return list(self.captions(pictures, **options))

    def captions(self, pictures: Sequence[Picture], **options: Any) -> Iterator[Caption]:
        """As `caption`, one after the other, a batch of images in memory at a time."""
        given = self.caption_options(**options).given()
        return (caption for pixels in self._batches(pictures) for caption in self.system.caption(pixels, **given))

    def caption_options(self, **options: Any) -> CaptionOptions:
        """The options with these values; a UserError names what cannot be, or what this run cannot follow."""
        family = getattr(self.system, "caption_options", CaptionOptions)
        chosen = options_from(family, options, OF_CAPTIONS)
        if hasattr(self.system, "caption_search"):
            with refused():
                self.system.caption_search(chosen)
        return chosen

    def scores(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> Iterator[list[CaptionScore]]:
        """What the run gives each sentence of each image: log-probabilities of all its tokens, an image at a time."""
        if not hasattr(self.system, "score_captions"):
            raise UserError(f"{type(self.system).__name__} gives no probabilities of single words")
        for pixels in self._batches(pictures):
            with refused():
                yield from self.system.score_captions(pixels, sentences)

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

    @torch.no_grad()
    def own_sentence_scores(self, pictures: Sequence[Picture], sentences: Sequence[Sequence[str]]) -> torch.Tensor:
        """The log-likelihood of sentences, equally many of each image: a row an image, a column a sentence of its."""
        rows = []
        for start, pixels in zip(range(0, len(pictures), PICTURES_AT_ONCE), self._batches(pictures), strict=True):
            of_each = sentences[start : start + PICTURES_AT_ONCE]
            tokens, mask = self.tokenizer.encode_batch([text for own in of_each for text in own])
            means = self.system.negative_log_likelihood(pixels, tokens.to(pixels.device)).cpu()
            rows.append(-(means * mask[:, 1:].sum(dim=1)).unflatten(0, (len(pixels), -1)))
        return torch.cat(rows)


@contextmanager
def refused() -> Iterator[None]:
    """What is refused by name inside is the user's to mend."""
    try:
        yield
    except ValueError as error:
        raise UserError(str(error)) from None


def check_beam(beam: int) -> None:
    """Refuse, before a run is loaded, a search that keeps nothing."""
    options_from(CaptionOptions, {"beam": beam}, OF_CAPTIONS)
