"""Captioning: an image encoder and a caption decoder learn together to describe images.

Show and Tell (Vinyals et al. 2015, arXiv:1411.4555), or Show, Attend and Tell (Xu et al. 2015, arXiv:1502.03044) with a
decoder that attends. The caption objective says what they learn by. Each image is encoded once for all its captions.
Progress counts image-caption pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional as F

from diptych.decoding import Search, beam, decode, greedy, sample
from diptych.losses.captioning import caption_nll, token_nll
from diptych.models.noise import PixelNoise
from diptych.systems.base import System
from diptych.systems.captioning.objectives import CaptionObjective, CaptionStep, check_helpers
from diptych.systems.captioning.quality import CaptioningQuality
from diptych.systems.devices import mean_over_devices
from diptych.systems.modes import evaluating
from diptych.systems.optimizers import MakeOptimizer, optimizer_for
from diptych.systems.schedules import Schedule
from diptych.systems.training_captions import training_captions
from diptych.text import tokenizer_of
from diptych.types import BOS_ID, EOS_ID, PAD_ID, Batch, DataSpec, Images, Tokens

NUM_EXAMPLES = 16


@dataclass(frozen=True, slots=True)
class Caption:
    """A generated caption. `score` is the mean log-probability of its tokens (0 is certainty).

    `attention[i]` is the attention map at `words[i]`: rows and columns of regions, summing to one. None where the
    decoder does not attend.
    """

    text: str
    score: float
    words: tuple[str, ...]
    attention: Float[Tensor, "words rows columns"] | None


class Captioner(System):
    """An image encoder and a caption decoder, trained by a caption objective.

    `schedule` multiplies the learning rate (None: constant); the encoder's is `image_encoder_lr_multiplier` times the
    decoder's. `max_grad_norm` clips the gradient of all networks together, the objective's helpers included.

    `pixel_noise` is the largest standard deviation of noise on training images, for a captioner that generators learn
    from: its gradients then show shapes. The noise grows from zero over the first `noise_warmup_images`, because shapes
    are learned faster from clean images.
    """

    task = "captioning"
    SHARDED = ("image_encoder", "caption_decoder")

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        image_encoder: nn.Module,
        caption_decoder: nn.Module,
        caption_objective: CaptionObjective,
        optimizer: MakeOptimizer,
        schedule: Schedule | None = None,
        image_encoder_lr_multiplier: float = 1.0,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        pixel_noise: float = 0.0,
        noise_warmup_images: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        check_helpers(caption_objective)
        self.image_encoder = image_encoder
        self.caption_decoder: Any = caption_decoder
        self.caption_objective: Any = caption_objective
        self.tokenizer = tokenizer_of(data_spec)
        self.make_optimizer = optimizer
        self.image_encoder_lr_multiplier = image_encoder_lr_multiplier
        self.pixel_noise, self.noise_warmup_images = pixel_noise, noise_warmup_images
        self.noise = PixelNoise(varies=True)
        self.quality = CaptioningQuality(data_spec)
        self._examples: tuple[Images, Sequence[Sequence[str]]] | None = None

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.caption_objective.helpers() and any(isinstance(weight, DTensor) for weight in self.parameters()):
            raise ValueError(
                f"trainer=fsdp: {type(self.caption_objective).__name__} trains networks of its own, which are not "
                "sharded; use trainer=ddp"
            )
        asker = f"caption_objective: {type(self.caption_objective).__name__}"
        self.caption_objective.begin(training_captions(self.trainer, self.data_spec, asker))

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        self.count_images(len(batch) * batch.tokens.shape[1])
        self.noise.std = self.pixel_noise * min(1.0, self.images_seen / max(1, self.noise_warmup_images))
        weights = self.caption_objective.weights
        figures = self.optimize("", self.caption_objective.losses, weights, of=[self._step(batch)])
        self.log_metrics("train", figures)

    @property
    def warmups(self) -> Mapping[str, int]:
        return {"system.noise_warmup_images": self.noise_warmup_images} if self.pixel_noise else {}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        image_encoder = (self.image_encoder, self.image_encoder_lr_multiplier)
        return optimizer_for(
            self.make_optimizer, self.caption_decoder, image_encoder, *self.caption_objective.helpers()
        )

    def caption(self, images: Images, *, beam: int = 1, length_power: float = 1.0) -> list[Caption]:
        """The likeliest caption of each image that a beam of this width finds; width 1 is greedy search.

        Beams compare captions by log-probability over length to the power `length_power`.
        """
        return self._captions(images, greedy if beam == 1 else _beam_search(beam, length_power))

    def sample_captions(
        self, images: Images, *, seed: int, temperature: float = 1.0, top_p: float = 1.0
    ) -> list[Caption]:
        """A sampled caption of each image; words come from the nucleus that holds `top_p` of the probability."""
        rng = torch.Generator(self.device).manual_seed(seed)
        return self._captions(images, partial(sample, rng=rng, temperature=temperature, top_p=top_p))

    def negative_log_likelihood(self, images: Images, tokens: Tokens) -> Float[Tensor, " rows"]:
        """Nats per token of these captions (<bos> to <eos>, padded; k rows per image), differentiable in pixels.

        A frozen captioner in evaluation mode gives a re-description loss (Qiao et al. 2019, arXiv:1903.05854).
        """
        features = self.image_encoder(images)
        with torch.backends.cudnn.flags(enabled=self.training):  # its recurrent layers have no backward in eval mode
            logits, _ = self.caption_decoder(features, tokens[:, :-1])
        return caption_nll(logits, tokens[:, 1:])

    def example_captions(self) -> tuple[Images, tuple[str, ...], Sequence[Sequence[str]]]:
        """The same few validation images throughout a run, their captions by now, and their references."""
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
        decoded = decode(self.caption_decoder, features, greedy, max_length=self._max_length)
        captions = [self.tokenizer.decode(row) for row in decoded.tokens.tolist()]
        self.quality.update(nll, num_tokens, captions, batch)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    @property
    def _max_length(self) -> int:
        """Captions are at most as long as those of the data; <bos> does not count."""
        return self.data_spec.max_length - 1

    def _step(self, batch: Batch) -> CaptionStep:
        return CaptionStep(
            batch=batch,
            images=self.noise(batch.images),
            num_tokens=mean_over_devices(batch.token_mask[..., 1:].sum()),
            image_encoder=self.image_encoder,
            caption_decoder=self.caption_decoder,
            tokenizer=self.tokenizer,
            images_seen=self.images_seen,
            max_length=self._max_length,
            system_rng=self.rng,
        )

    @torch.no_grad()
    def _captions(self, images: Images, search: Search) -> list[Caption]:
        with evaluating(self.image_encoder, self.caption_decoder):
            features = self.image_encoder(images)
            decoded = decode(self.caption_decoder, features, search, max_length=self._max_length)
            inputs = F.pad(decoded.tokens[:, :-1], (1, 0), value=BOS_ID)
            attention = self.caption_decoder(features, inputs).attention
        lengths = (decoded.tokens != PAD_ID).sum(dim=1)
        scores = (decoded.log_prob / lengths).tolist()
        maps = [None] * len(images) if attention is None else _as_maps(attention).cpu()
        rows = zip(decoded.tokens.tolist(), scores, maps, strict=True)
        return [self._caption(*row) for row in rows]

    def _caption(self, tokens: list[int], score: float, maps: Tensor | None) -> Caption:
        kept = [token for token in tokens if token not in (EOS_ID, PAD_ID)]
        words = tuple(self.tokenizer.vocabulary.tokens[token] for token in kept)
        return Caption(self.tokenizer.decode(kept), score, words, None if maps is None else maps[: len(kept)])


def _beam_search(width: int, length_power: float) -> Search:
    return partial(beam, width=width, length_power=length_power)


def _as_maps(attention: Float[Tensor, "images length regions"]) -> Float[Tensor, "images length rows columns"]:
    """Images are square, and so is the grid of their regions."""
    side = round(attention.shape[-1] ** 0.5)
    return attention.unflatten(-1, (side, side))
