"""Captioning: an image encoder and a caption decoder learn together to say what people said of a picture.

Show and Tell (Vinyals et al. 2015, arXiv:1411.4555), with label smoothing where wanted, and with the doubly
stochastic term of Show, Attend and Tell (Xu et al. 2015, arXiv:1502.03044) where the decoder attends. Each image is
encoded once for all its captions. Progress counts image-caption pairs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.decoding import Decoded, beam, greedy, sample
from diptych.decoding.interface import State, StepFunction
from diptych.losses.captioning import caption_nll, doubly_stochastic_penalty, token_nll
from diptych.models.noise import PixelNoise
from diptych.systems.base import System
from diptych.systems.captioning.quality import CaptioningQuality
from diptych.systems.devices import mean_over_devices
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.text import tokenizer_of
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Batch, DataSpec, Images, Tokens

NUM_EXAMPLES = 16

Search = Callable[..., Decoded]


@dataclass(frozen=True, slots=True)
class Caption:
    """What was said of a picture: `score` is the mean log-probability of its tokens (0 is certainty).

    `attention[i]` is the map of where the decoder looked when it said `words[i]`: rows and columns of regions, summing
    to one. None where it does not attend.
    """

    text: str
    score: float
    words: tuple[str, ...]
    attention: Float[Tensor, "words rows columns"] | None


class Captioner(System):
    """An encoder, a decoder, and how they learn.

    `schedule` multiplies the learning rate (None: constant); the encoder's is `image_encoder_lr_multiplier` times the
    decoder's. `max_grad_norm` clips the gradient of both together.

    `pixel_noise` is the largest standard deviation of noise on training pictures, for a captioner that generators learn
    from: its gradients then mean shapes. It grows from nothing over the first `noise_warmup_images`, because shapes
    are learned faster from clean pictures.
    """

    task = "captioning"
    SHARDED = ("image_encoder", "caption_decoder")

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        caption_decoder: nn.Module,
        optimizer: MakeOptimizer,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
        max_grad_norm: float | None = None,
        label_smoothing: float = 0.0,
        attention_penalty_weight: float = 0.0,
        pixel_noise: float = 0.0,
        noise_warmup_images: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(data_spec=data_spec, schedule=schedule, max_grad_norm=max_grad_norm, seed=seed)
        self.automatic_optimization = False
        self.image_encoder = image_encoder
        self.caption_decoder: Any = caption_decoder
        self.tokenizer = tokenizer_of(data_spec)
        self.make_optimizer = optimizer
        self.image_encoder_lr_multiplier = image_encoder_lr_multiplier
        self.label_smoothing = label_smoothing
        self.attention_penalty_weight = attention_penalty_weight
        self.pixel_noise, self.noise_warmup_images = pixel_noise, noise_warmup_images
        self.noise = PixelNoise(varies=True)
        self.quality = CaptioningQuality(data_spec)
        self._examples: tuple[Images, Sequence[Sequence[str]]] | None = None

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        tokens, mask = batch.tokens.flatten(0, 1), batch.token_mask.flatten(0, 1)[:, 1:]
        self.count_images(len(tokens))
        self.noise.std = self.pixel_noise * min(1.0, self.images_seen / max(1, self.noise_warmup_images))
        logits, attention = self.caption_decoder(self.image_encoder(self.noise(batch.images)), tokens[:, :-1])
        nll = token_nll(logits, tokens[:, 1:], self.label_smoothing)
        terms = {"loss": nll.sum() / mean_over_devices(mask.sum())}
        if self.attention_penalty_weight:
            terms["attention_penalty"] = doubly_stochastic_penalty(self._attended(attention), mask).mean()
        self.log_metrics("train", self.optimize("", terms, {"attention_penalty": self.attention_penalty_weight}))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        image_encoder = (self.image_encoder, self.image_encoder_lr_multiplier)
        return optimizer_for(self.make_optimizer, self.caption_decoder, image_encoder)

    def caption(self, images: Images, *, beam: int = 1, length_power: float = 1.0) -> list[Caption]:
        """The likeliest caption of each image that a beam of this width finds; width 1 is greedy search.

        Beams compare captions by log-probability over length to `length_power`. Always a caption an image.
        """
        return self._captions(images, greedy if beam == 1 else _beam_of(beam, length_power))

    def sample_captions(
        self, images: Images, *, seed: int, temperature: float = 1.0, top_p: float = 1.0
    ) -> list[Caption]:
        """A caption of each image drawn by chance, from the words that hold `top_p` of the probability."""
        rng = torch.Generator(self.device).manual_seed(seed)
        return self._captions(images, partial(sample, rng=rng, temperature=temperature, top_p=top_p))

    def negative_log_likelihood(self, images: Images, tokens: Tokens) -> Float[Tensor, " rows"]:
        """Nats per token of saying these captions (<bos> to <eos>, padded; k rows an image), differentiable in pixels.

        A frozen captioner in evaluation mode is a re-description loss (Qiao et al. 2019, arXiv:1903.05854).
        """
        features = self.image_encoder(images)
        with torch.backends.cudnn.flags(enabled=self.training):  # its recurrent layers have no backward in eval mode
            logits, _ = self.caption_decoder(features, tokens[:, :-1])
        return caption_nll(logits, tokens[:, 1:])

    def example_captions(self) -> tuple[Images, tuple[str, ...], Sequence[Sequence[str]]]:
        """The same few validation images throughout a run, what is said of them now, and their references."""
        if self._examples is None:
            batch = next(iter(self.trainer.datamodule.val_dataloader()))  # pyright: ignore[reportAttributeAccessIssue]
            self._examples = batch.images[:NUM_EXAMPLES], batch.references[:NUM_EXAMPLES]
        images, references = self._examples
        captions = self.caption(images.to(self.device))
        return images, tuple(caption.text for caption in captions), references

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        tokens, num_tokens = batch.tokens.flatten(0, 1), batch.token_mask[..., 1:].sum()
        features = self.image_encoder(batch.images)
        logits, _ = self.caption_decoder(features, tokens[:, :-1])
        nll = token_nll(logits, tokens[:, 1:]).sum() / num_tokens
        told = [self.tokenizer.decode(row) for row in self._search(greedy, features).tokens.tolist()]
        self.quality.update(nll, num_tokens, told, batch)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def _attended(self, attention: Tensor | None) -> Tensor:
        if attention is None:
            raise ValueError(
                f"system.attention_penalty_weight={self.attention_penalty_weight}: "
                f"{type(self.caption_decoder).__name__} does not attend; set it to 0 or choose caption_decoder="
                "lstm_attention"
            )
        return attention

    def _search(self, search: Search, features: Any) -> Decoded:
        """Captions as tokens, at most as long as those of the data."""
        memory = self.caption_decoder.encode_memory(features)

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            return self.caption_decoder.step(tokens, memory, state)

        return search(step, self.caption_decoder.start(memory), max_length=self.data_spec.max_length - 1)

    @torch.no_grad()
    def _captions(self, images: Images, search: Search) -> list[Caption]:
        with evaluating(self.image_encoder, self.caption_decoder):
            features = self.image_encoder(images)
            said = self._search(search, features)
            before = F.pad(said.tokens[:, :-1], (1, 0), value=BOS_ID)
            attention = self.caption_decoder(features, before).attention
        lengths = (said.tokens != PAD_ID).sum(dim=1)
        scores = (said.log_prob / lengths).tolist()
        maps = [None] * len(images) if attention is None else _as_maps(attention).cpu()
        rows = zip(said.tokens.tolist(), scores, maps, strict=True)
        return [self._caption(*row) for row in rows]

    def _caption(self, tokens: list[int], score: float, maps: Tensor | None) -> Caption:
        said = [token for token in tokens if token not in (EOS_ID, PAD_ID)]
        words = tuple(self.tokenizer.vocabulary.tokens[token] for token in said)
        return Caption(self.tokenizer.decode(said), score, words, None if maps is None else maps[: len(said)])


def _beam_of(width: int, length_power: float) -> Search:
    def search(step: StepFunction, state: State, *, max_length: int) -> Decoded:
        return beam(step, state, width=width, max_length=max_length, length_power=length_power)

    return search


def _as_maps(attention: Float[Tensor, "images length regions"]) -> Float[Tensor, "images length rows columns"]:
    """Images are square, and so is the grid of their regions."""
    side = round(attention.shape[-1] ** 0.5)
    return attention.unflatten(-1, (side, side))
