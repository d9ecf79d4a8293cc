"""What every text-to-image system shares: generating for people, fixed samples, and how good the pictures are."""

import warnings
from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from diptych.systems.base import System
from diptych.systems.devices import num_devices, own_rank
from diptych.systems.ema import WeightAverage
from diptych.systems.generation_quality import GenerationQuality
from diptych.systems.image_rngs import latents_for
from diptych.systems.modes import evaluating
from diptych.systems.schedules import Schedule
from diptych.text import tokenizer_of
from diptych.types import PAD_ID, UNK_ID, Batch, DataSpec, Images, TokenMask, Tokens

GRID_SIDE = 8


class TextToImage(System):
    """A generator, its text encoder (None: it generates whatever the data hold), and averages of both.

    With `ema_half_life_images`, averaged weights generate for people and in validation; the raw ones are kept as well.
    """

    task = "text_to_image"
    generator: Any
    sample_latents: Float[Tensor, "latents latent"]

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        generator: nn.Module,
        text_encoder: nn.Module | None = None,
        ema_half_life_images: float | None = None,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(data_spec=data_spec, schedule=schedule, max_grad_norm=max_grad_norm, seed=seed)
        self.generator = generator
        self.text_encoder = text_encoder
        self.tokenizer = tokenizer_of(data_spec)
        self.generator_average = _average_of(generator, ema_half_life_images)
        self.text_encoder_average = _average_of(text_encoder, ema_half_life_images)
        self.quality = GenerationQuality(data_spec, sentences_matter=text_encoder is not None)
        self.sample_sentences: tuple[str, ...] = ()
        num_latents = GRID_SIDE if text_encoder else GRID_SIDE**2
        rng = torch.Generator().manual_seed(seed)
        self.register_buffer("sample_latents", torch.randn(num_latents, self.generator.latent_dim, generator=rng))

    def generate(
        self,
        sentences: Sequence[str] | None = None,
        num_images: int = 1,
        seed: int = 0,
        truncation: float | None = None,
        use_ema: bool = True,
        batch_size: int = 64,
    ) -> Images:
        """`num_images` pictures of each sentence, those of one sentence side by side.

        Picture i of a sentence depends on (seed, sentence, i) and the weights alone, not on what else is asked for
        (but for rounding). A generator trained without sentences takes none. Weights are those of now where the run
        keeps no average.
        """
        pictures = [(sentence, i) for sentence in self._checked(sentences) for i in range(num_images)]
        latents = latents_for(pictures, latent_dim=self.generator.latent_dim, seed=seed, truncation=truncation)
        return self._generate(latents, [sentence for sentence, _ in pictures], use_ema=use_ema, batch_size=batch_size)

    def sample_grid(self) -> tuple[Images, tuple[str, ...]]:
        """The same sentences from the same latents throughout a run, and each picture's sentence; a row shares one."""
        sentences = self.sample_sentences or ("",)
        captions = tuple(sentence for sentence in sentences for _ in range(len(self.sample_latents)))
        return self._generate(self.sample_latents.repeat(len(sentences), 1), captions), captions

    def average_weights(self, images: int) -> None:
        """Let the averages follow what `images` more images have taught; call after the generator's step."""
        for average, network in self._averages():
            average.update(network, images=images, images_seen=self.images_seen)

    def on_fit_start(self) -> None:
        datamodule = getattr(self.trainer, "datamodule", None)
        if self.text_encoder and not self.sample_sentences and datamodule:
            batch = next(iter(datamodule.val_dataloader()))
            self.sample_sentences = tuple(islice(dict.fromkeys(self._first_sentences(batch)), GRID_SIDE))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        sentences = self._first_sentences(batch)
        places = range(own_rank(), num_devices() * len(batch), num_devices())  # in the batch that one device would have
        latents = latents_for(zip(sentences, places, strict=True), latent_dim=self.generator.latent_dim, seed=batch_idx)
        self.quality.update(batch.images, self._generate(latents, sentences, batch_size=len(batch)), sentences)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute())
        self.quality.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["sample_sentences"] = list(self.sample_sentences)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.sample_sentences = tuple(checkpoint["sample_sentences"])

    @torch.no_grad()
    def _generate(
        self,
        latents: Float[Tensor, "pictures latent"],
        sentences: Sequence[str],
        *,
        use_ema: bool = True,
        batch_size: int = 64,
    ) -> Images:
        generator, text_encoder = self._generating_networks(use_ema)
        tokens, mask = self._tokens(sentences)
        with evaluating(generator, text_encoder):
            chunks = zip(latents.split(batch_size), tokens.split(batch_size), mask.split(batch_size), strict=True)
            return torch.cat(
                [
                    generator(chunk.to(self.device), text_encoder(*text) if text_encoder else None)
                    for chunk, *text in chunks
                ]
            )

    def _generating_networks(self, use_ema: bool) -> tuple[nn.Module, nn.Module | None]:
        if use_ema and self.generator_average:
            return self.generator_average, self.text_encoder_average
        return self.generator, self.text_encoder

    def _averages(self) -> list[tuple[WeightAverage, nn.Module]]:
        pairs = [(self.generator_average, self.generator), (self.text_encoder_average, self.text_encoder)]
        return [(average, network) for average, network in pairs if average is not None and network is not None]

    def _first_sentences(self, batch: Batch) -> list[str]:
        """Each picture's first sentence; empty ones where pictures are generated without."""
        if not self.text_encoder:
            return [""] * len(batch)
        return [self.tokenizer.decode(row) for row in batch.tokens[:, 0].tolist()]

    def _tokens(self, sentences: Sequence[str]) -> tuple[Tokens, TokenMask]:
        """Padded to the data's longest sentence, so that no sentence depends on the others."""
        tokens, _ = self.tokenizer.encode_batch(sentences)
        tokens = F.pad(tokens, (0, self.data_spec.max_length - tokens.shape[1]), value=PAD_ID).to(self.device)
        return tokens, tokens != PAD_ID

    def _checked(self, sentences: Sequence[str] | None) -> Sequence[str]:
        if not self.text_encoder:
            if sentences and any(sentences):
                raise ValueError(f"this generator learned from {self.data_spec.name} without sentences: give it none")
            return [""]
        if not sentences:
            raise ValueError("this generator generates from sentences: give it at least one")
        for sentence in sentences:
            self._check_sentence(sentence)
        return sentences

    def _check_sentence(self, sentence: str) -> None:
        words = self.tokenizer.split(sentence)
        if len(words) + 2 > self.data_spec.max_length:
            raise ValueError(
                f"{sentence!r} has {len(words)} tokens; this generator reads at most {self.data_spec.max_length - 2}"
            )
        unknown = [word for word in words if self.tokenizer.vocabulary.id_of(word) == UNK_ID]
        if unknown:
            warnings.warn(f"{sentence!r}: this generator never saw {', '.join(map(repr, unknown))}", stacklevel=4)


def _average_of(network: nn.Module | None, half_life_images: float | None) -> WeightAverage | None:
    if network is None or half_life_images is None:
        return None
    return WeightAverage(network, half_life_images=half_life_images)
