"""Captions of images, and scores of given ones, by what says captions token by token: a captioner, an ensemble."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from diptych.decoding import StepFunction
from diptych.models.caption_decoders import DecoderOutput
from diptych.systems.captioning.options import CaptionOptions
from diptych.systems.captioning.searches import CaptionSearch
from diptych.systems.image_rngs import digest_of_pixels
from diptych.systems.modes import evaluating
from diptych.text.tokenizers import Tokenizer
from diptych.types import BOS_ID, EOS_ID, PAD_ID, DataSpec, Images, Tokens


@dataclass(frozen=True, slots=True)
class Caption:
    """A generated caption. `score` is the mean log-probability of its tokens (0 is certainty).

    `attention[i]` is the attention map at `words[i]`: rows and columns of regions, summing to one. None where the
    decoder does not attend. `probabilities[i]` is that of `words[i]` after those before it; `log_prob` is the sum over
    all tokens, the end included, in nats (None where a captioner has no probabilities). `alternatives` are the further
    captions that were asked for, and `lacks` names what it should contain and does not.
    """

    text: str
    score: float
    words: tuple[str, ...]
    attention: Float[Tensor, "words rows columns"] | None
    probabilities: tuple[float, ...] = ()
    log_prob: float | None = None
    alternatives: tuple["Caption", ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptionScore:
    """What a captioner gives a sentence of an image: the log-probability of each token, in nats, the end included.

    Words that it does not know are `<unk>` among the tokens.
    """

    text: str
    tokens: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """That of the whole sentence."""
        return sum(self.log_probs)

    @property
    def score(self) -> float:
        """The mean over tokens, as `Caption.score`."""
        return self.log_prob / len(self.log_probs)


class Speaker(NamedTuple):
    """What says captions of some images: a decoder's step, its first state, and its teacher-forced reading.

    `read(tokens)` takes captions from <bos> on, k rows per image side by side.
    """

    step: StepFunction
    state: Any
    read: Callable[[Tensor], DecoderOutput]


class SaysCaptions:
    """What whoever has a `speaker` can do for people: captions, and scores of given captions."""

    caption_options: ClassVar[type[CaptionOptions]] = CaptionOptions
    tokenizer: Tokenizer
    data_spec: DataSpec

    @abstractmethod
    def speaker(self, images: Images) -> Speaker:
        """What says captions of these images."""

    def caption(self, images: Images, **options: Any) -> list[Caption]:
        """A caption of each image, by the options of `CaptionOptions`; without any by greedy search.

        What is drawn depends on the pixels of an image and on the seed, not on the images beside it.
        """
        search = self.caption_search(self.caption_options(**options))
        with torch.no_grad(), evaluating(self):  # pyright: ignore[reportArgumentType]
            speaker = self.speaker(images)
            decoded = search(speaker.step, speaker.state, lambda: [digest_of_pixels(image) for image in images])
            read = speaker.read(F.pad(decoded.tokens[:, :-1], (1, 0), value=BOS_ID))
        log_probs = _of_tokens(read.logits, decoded.tokens)
        lengths = (decoded.tokens != PAD_ID).sum(dim=1).clamp_min(1)
        attention = read.attention
        maps = [None] * len(lengths) if attention is None else _as_maps(attention).cpu()
        rows = zip(decoded.tokens.tolist(), decoded.log_prob.tolist(), log_probs.exp().tolist(), maps, strict=True)
        scores = (decoded.log_prob / lengths).tolist()
        said = [self._caption(*row, score, search) for row, score in zip(rows, scores, strict=True)]
        is_found = decoded.score.isfinite().tolist()
        return list(_grouped(said, is_found, search.options.num_captions))

    def sample_captions(self, images: Images, *, seed: int, temperature: float = 1.0, **options: Any) -> list[Caption]:
        """A caption of each image drawn at a temperature, 0: the likeliest; other options as in `caption`."""
        drawn = {"seed": seed, "temperature": temperature} if temperature else {}
        return self.caption(images, **drawn, **options)

    def score_captions(self, images: Images, sentences: Sequence[str]) -> list[list[CaptionScore]]:
        """What each sentence gets of each image: a row an image, a column a sentence."""
        self._check_sentences(sentences)
        tokens = self.tokenizer.encode_batch(sentences)[0].to(images.device)
        every = tokens.repeat(len(images), 1)
        with torch.no_grad(), evaluating(self):  # pyright: ignore[reportArgumentType]
            logits = self.speaker(images).read(every[:, :-1]).logits
        log_probs = _of_tokens(logits, every[:, 1:]).tolist()
        rows = [self._score(*row) for row in zip(list(sentences) * len(images), every.tolist(), log_probs, strict=True)]
        return [rows[start : start + len(sentences)] for start in range(0, len(rows), len(sentences))]

    def caption_search(self, options: CaptionOptions) -> CaptionSearch:
        """The search of these options; a ValueError names one that this captioner cannot follow.

        Captions are at most as long as those of the data; <bos> does not count.
        """
        return CaptionSearch(options, self.tokenizer, self.data_spec.max_length - 1)

    def _check_sentences(self, sentences: Sequence[str]) -> None:
        most = self.data_spec.max_length - 2
        for sentence in sentences:
            length = len(self.tokenizer.split(sentence))
            if not 1 <= length <= most:
                raise ValueError(f"score={sentence!r}: it has {length} tokens; give a sentence of 1 to {most}")

    def _caption(
        self,
        tokens: list[int],
        log_prob: float,
        probabilities: list[float],
        maps: Tensor | None,
        score: float,
        search: CaptionSearch,
    ) -> Caption:
        kept = [token for token in tokens if token not in (EOS_ID, PAD_ID)]
        return Caption(
            text=self.tokenizer.decode(kept),
            score=score,
            words=tuple(self.tokenizer.shown(self.tokenizer.vocabulary.tokens[token]) for token in kept),
            attention=None if maps is None else maps[: len(kept)],
            probabilities=tuple(probabilities[: len(kept)]),
            log_prob=log_prob,
            lacks=search.lacking(kept),
        )

    def _score(self, text: str, tokens: list[int], log_probs: list[float]) -> CaptionScore:
        said = [token for token in tokens[1:] if token != PAD_ID]
        names = tuple(self.tokenizer.shown(self.tokenizer.vocabulary.tokens[token]) for token in said)
        return CaptionScore(text, names, tuple(log_probs[: len(said)]))


def _grouped(said: Sequence[Caption], is_found: Sequence[bool], each: int) -> Iterator[Caption]:
    """The first caption of each image, with the others that were found as its alternatives."""
    for start in range(0, len(said), each):
        others = zip(said[start + 1 : start + each], is_found[start + 1 : start + each], strict=True)
        alternatives = tuple(caption for caption, found in others if found)
        yield replace(said[start], alternatives=alternatives) if alternatives else said[start]


def _of_tokens(logits: Tensor, tokens: Tokens) -> Float[Tensor, "rows length"]:
    return logits.float().log_softmax(dim=-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def _as_maps(attention: Float[Tensor, "rows length regions"]) -> Float[Tensor, "rows length height width"]:
    """Images are square, and so is the grid of their regions."""
    side = round(attention.shape[-1] ** 0.5)
    return attention.unflatten(-1, (side, side))
