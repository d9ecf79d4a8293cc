"""What a caption objective sees of one training step.

The batch, the teacher-forced pass, captions that the captioner decodes or samples now, and random numbers of each
image's own. A step may be of one micro-batch; what depends on several images is computed once of the whole batch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Self, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.decoding import Decoded, Search, decode
from diptych.decoding.given_noise import sample_by_uniform
from diptych.decoding.interface import repeated, words_alone
from diptych.losses.captioning import token_nll
from diptych.models.caption_decoders import DecoderOutput
from diptych.systems.devices import draw_uniform, own_rank
from diptych.systems.modes import evaluating
from diptych.text.tokenizers import Tokenizer
from diptych.types import BOS_ID, Batch, ImageFeatures, Images, TokenMask, Tokens

T = TypeVar("T")


@dataclass(frozen=True)
class WholeBatch:
    """The whole batch of this device, of which a step may see a part, and what is already known of it."""

    batch: Batch
    known: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CaptionStep:
    """What an objective may see of one training step. Networks run at the first use of what they compute.

    `images` are the batch's with pixel noise; `max_length` counts <eos>, not <bos>. An image has k captions: rows of
    tokens, logits and attention that belong to one image stand side by side. With `system.micro_batch_size` a step is
    of one micro-batch, which is the `part` of the `whole`. `num_tokens` is how many real targets so many images of the
    joint batch have on average: divide a sum over tokens by it for a mean over the tokens of the joint batch. `figures`
    are what was noted, to be logged.
    """

    batch: Batch
    images: Images
    num_tokens: Tensor
    image_encoder: nn.Module
    caption_decoder: Any
    tokenizer: Tokenizer
    images_seen: int
    max_length: int
    system_rng: torch.Generator
    whole: WholeBatch
    part: slice = field(default_factory=lambda: slice(None))
    figures: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.batch)

    def rows(self, part: slice) -> Self:
        """The step of this part of the images."""
        batch = self.batch.rows(part)
        num_tokens = self.num_tokens * (len(batch) / len(self))
        kept = range(len(self.whole.batch))[self.part][part]
        return replace(
            self,
            batch=batch,
            images=self.images[part],
            num_tokens=num_tokens,
            part=slice(kept.start, kept.stop),
            figures={},
        )

    @property
    def is_last(self) -> bool:
        """Whether no part of the whole batch comes after this one."""
        number = len(self.whole.batch)
        return range(number)[self.part].stop == number

    @property
    def tokens(self) -> Tokens:
        """Reference captions, <bos> to <eos>, padded; k rows per image."""
        return self.batch.tokens.flatten(0, 1)

    @property
    def token_mask(self) -> TokenMask:
        """True on the real tokens of `tokens`."""
        return self.batch.token_mask.flatten(0, 1)

    @property
    def inputs(self) -> Tokens:
        """What the decoder reads to predict `targets`: `tokens` without the last place."""
        return self.tokens[:, :-1]

    @property
    def targets(self) -> Tokens:
        """The tokens that `logits` predict: `tokens` without <bos>."""
        return self.tokens[:, 1:]

    @property
    def target_mask(self) -> TokenMask:
        """True on the real tokens of `targets`."""
        return self.token_mask[:, 1:]

    @property
    def tokens_per_caption(self) -> Tensor:
        """Mean number of targets of a reference caption of the joint batch."""
        return self.num_tokens / len(self.tokens)

    @cached_property
    def features(self) -> ImageFeatures:
        """The encoder's features of `images`, with gradient; or what is cached of them."""
        return self.batch.features or self.image_encoder(self.images)

    @property
    def logits(self) -> Float[Tensor, "rows length vocabulary"]:
        """Teacher-forced logits of `targets`."""
        return self.teacher_forced.logits

    @property
    def attention(self) -> Float[Tensor, "rows length regions"] | None:
        """Attention over regions at each target; None where the decoder does not attend."""
        return self.teacher_forced.attention

    @cached_property
    def teacher_forced(self) -> DecoderOutput:
        """The decoder's output on the reference captions."""
        return self.reading(self.inputs)

    def reading(self, inputs: Int[Tensor, "rows length"]) -> DecoderOutput:
        """The decoder's output on these tokens, with gradient."""
        return self.caption_decoder(self.features, inputs)

    @cached_property
    def rng(self) -> torch.Generator:
        """A generator on the images' device, for this step alone; each device draws other numbers."""
        seed = int(torch.randint(2**62, (), generator=self.system_rng))
        return torch.Generator(self.images.device).manual_seed(seed + own_rank())

    def once(self, name: str, compute: Callable[[Batch], T]) -> T:
        """What is computed of this device's whole batch at the first use of this name; micro-batches share it."""
        if name not in self.whole.known:
            self.whole.known[name] = compute(self.whole.batch)
        return self.whole.known[name]

    def uniform(self, name: str, *shape: int) -> Float[Tensor, "images ..."]:
        """Numbers in [0, 1) of this shape for each image, the same at every use of this name in a step.

        They do not depend on the number of devices and on micro-batches. The shape must not depend on the images.
        """
        drawn = self.once(name, lambda batch: draw_uniform(len(batch), *shape, rng=self.system_rng))
        return drawn[self.part].to(self.images.device)

    def decode(self, search: Search, copies: int = 1) -> Decoded:
        """So many captions per image, side by side, by `greedy` or `partial(sample, rng=step.rng)`.

        The image is encoded once for all. There is no dropout and no gradient.
        """
        features = self.features
        with torch.no_grad(), evaluating(self.caption_decoder):
            return decode(self.caption_decoder, features, _copied(search, copies), max_length=self.max_length)

    def sample(self, number: int) -> Decoded:
        """So many captions of each image, side by side, from the captioner's distribution, without dropout."""
        uniform = self.uniform("samples", number, self.max_length).flatten(0, 1)
        return self.decode(partial(sample_by_uniform, uniform=uniform), number)

    def log_probs(self, captions: Decoded) -> Float[Tensor, "rows length"]:
        """Log-probability of each decoded token, with gradient: of what `sample` draws from at temperature 1.

        Rows are captions, k of each image. The decoder is in training mode, so its dropout counts. <pad> and <bos>
        have no probability. It is 0 where a caption has ended.
        """
        return -token_nll(self.word_logits(captions), captions.tokens)

    def word_logits(self, captions: Decoded) -> Float[Tensor, "rows length vocabulary"]:
        """Logits of each decoded token, with gradient; minus infinity for <pad> and <bos>."""
        return words_alone(self.reading(F.pad(captions.tokens[:, :-1], (1, 0), value=BOS_ID)).logits)

    def note(self, figures: Mapping[str, Tensor]) -> None:
        """Log these means over the step's images (`train/<name>`); nothing is learned from them."""
        self.figures.update({name: value.detach() for name, value in figures.items()})


def _copied(search: Search, copies: int) -> Search:
    """The search from `copies` equal states an image."""

    def search_copies(step: Any, state: Any, *, max_length: int) -> Decoded:
        return search(step, repeated(state, copies), max_length=max_length)

    return search_copies
