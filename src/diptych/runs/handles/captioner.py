"""Runs that caption images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from diptych.config.errors import UserError
from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.pictures import Picture
from diptych.systems.captioning.system import Caption


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


def check_beam(beam: int) -> None:
    """Refuse a search that keeps nothing."""
    if beam < 1:
        raise UserError(f"beam={beam}: keep at least one hypothesis in the search (1 is greedy)")
