"""The base of every family that learns to make images of sentences: averages, fixed samples, validation.

A family names the networks that generation needs, and its sampler says how they sample (`inference/images.py`); all
else is here. It may also learn without sentences: then it takes none.
"""

from abc import ABC
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import nn

from diptych.systems.base import Figures, System
from diptych.systems.devices import gather_in_order, num_devices, own_rank
from diptych.systems.ema import WeightAverage
from diptych.systems.generation_quality import GenerationQuality
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.inference.images import MakesImages
from diptych.systems.pairing import Prompts, draw_prompts
from diptych.systems.schedules import Schedule
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.training_captions import show_training_sentences, some_captions
from diptych.systems.whitening import check_whitening_is_learned
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec, Images, TextFeatures

GRID_SIDE = 8
REFERENCE_SENTENCES = 256
"""Training sentences that a checkpoint keeps; the mean of so many vectors is good to a sixteenth of their spread."""


class TextToImage(MakesImages, System, ABC):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A text encoder (None: without sentences), the averages of the networks that generate, and how they sample.

    With `ema_half_life_images`, averaged weights generate for people and in validation; the raw ones are kept as well.
    A family sets its networks as attributes, names those that generate in `averaged`, and then calls
    `keep_averages()`. `validation_options` are how it samples during training.
    """

    def __init__(
        self,
        *,
        data_spec: DataSpec,
        text_encoder: nn.Module | None = None,
        text_pretraining: TextPretraining | None = None,
        ema_half_life_images: float | None = None,
        schedule: Schedule | None = None,
        max_grad_norm: float | None = None,
        micro_batch_size: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_spec=data_spec,
            schedule=schedule,
            max_grad_norm=max_grad_norm,
            micro_batch_size=micro_batch_size,
            seed=seed,
        )
        self.text_encoder, self.text_pretraining = text_encoder, text_pretraining
        self.tokenizer = tokenizer_of(data_spec)
        self.ema_half_life_images = ema_half_life_images
        self.quality = GenerationQuality(data_spec, sentences_matter=text_encoder is not None)
        self.sample_seed, self.sample_sentences = seed, ()
        self.validation_options = self.options()
        self.reference_sentences: tuple[str, ...] = ()

    def keep_averages(self) -> None:
        """Begin to average the networks that generate; call once they are set."""
        for name in self.averaged:
            if not hasattr(self, name):
                raise TypeError(f"{type(self).__name__}.averaged names {name}: set self.{name} before keep_averages()")
            network: Any = getattr(self, name)
            setattr(self, f"{name}_average", self.average_of(network) if _learns(network) else None)

    def average_of(self, network: nn.Module) -> nn.Module | None:
        """What follows the weights of a network that learns (`update`, and the averaged `network`); None: nothing."""
        if self.ema_half_life_images is None:
            return None
        return WeightAverage(network, half_life_images=self.ema_half_life_images)

    @property
    def warmup_images(self) -> int:
        return self.text_pretraining.images if self.text_pretraining else 0

    def draw_prompts(self, batch: Batch) -> Prompts | None:
        """A sentence for each image of the batch; None where images are generated without."""
        return draw_prompts(batch, self.data_spec, self.tokenizer, self.rng) if self.text_encoder else None

    def pretrains(self, images_seen_before: int) -> bool:
        """Whether this batch, which began at so many images, is of the text encoder's pretraining."""
        pretraining = self.text_pretraining
        return pretraining is not None and pretraining.goes_on(images_seen_before, self.images_seen)

    def pretrain_or(
        self, learn: Callable[[Images, Prompts | None], Figures], batch: Batch, optimizer: str = ""
    ) -> None:
        """One training step: of the text encoder alone while it is pretrained, then what `learn` does; logged."""
        images_seen_before = self.images_seen
        self.count_images(len(batch))
        prompts = self.draw_prompts(batch)
        if prompts and self.pretrains(images_seen_before):
            self.log_metrics("train", self.pretrain(batch.images, prompts, optimizer))
        else:
            self.log_metrics("train", learn(batch.images, prompts))

    def pretrain(self, images: Images, prompts: Prompts, optimizer: str = "") -> Figures:
        """A step of the text encoder alone; the last ones only measure what it has learned."""
        pretraining, encode = self.text_pretraining, self.text_encoder
        assert pretraining is not None
        assert encode is not None
        pictures = (part.inputs[0] for part in self.micro_batches(images))
        inputs = (pretraining.targets(pictures, encode.sentence_dim), prompts.sentences)  # pyright: ignore[reportArgumentType]
        if pretraining.is_learning(self.images_seen):
            loss = lambda targets, said: {"pretraining_loss": pretraining.loss(encode(said).sentence, targets)}  # noqa: E731
            figures: Figures = self.optimize(optimizer, loss, of=inputs, schedule=pretraining.schedule)
        else:
            with torch.no_grad():
                vectors = torch.cat([encode(part.inputs[1]).sentence for part in self.micro_batches(*inputs)])
            figures = {"pretraining_loss": pretraining.loss(vectors, inputs[0]).mean()}
            pretraining.observe(vectors, self.images_seen)
        self.average_weights(len(images))
        return figures

    def read(self, prompts: Prompts | None) -> TextFeatures | None:
        """The text encoder's vectors of these sentences; a pretrained one does not learn any more."""
        if self.text_encoder is None or prompts is None:
            return None
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.text_pretraining is None):
            return self.text_encoder(prompts.sentences)

    def sample_grid(self) -> tuple[Images, tuple[str, ...]]:
        """The same sentences from the same noise throughout a run, and each image's sentence; a row shares one."""
        sentences = self.sample_sentences or ("",)
        columns = GRID_SIDE if self.text_encoder else GRID_SIDE**2
        captions = tuple(sentence for sentence in sentences for _ in range(columns))
        noise = [("", i) for _ in sentences for i in range(columns)]
        rngs = ImageRngs(noise, seed=self.sample_seed, device=self.device)
        return self._generate(rngs, captions, self.validation_options), captions

    def average_weights(self, images: int) -> None:
        """Let the averages follow what so many images of each device have taught; call after the generator's step."""
        everywhere = images * self.trainer.world_size
        for name, average in self._averages().items():
            if average is not None:
                average.update(getattr(self, name), images=everywhere, images_seen=self.images_seen)

    def on_fit_start(self) -> None:
        if self.text_pretraining is None:
            check_whitening_is_learned(self.text_encoder)
        elif self.text_encoder is not None:
            self.text_pretraining.begin(self.text_encoder, self.device, is_resumed=self.images_seen > 0)
        show_training_sentences(self, self.trainer, self.data_spec, self.tokenizer)
        if self.text_encoder and not self.reference_sentences:
            self.reference_sentences = some_captions(self.trainer, REFERENCE_SENTENCES)
        datamodule = getattr(self.trainer, "datamodule", None)
        if self.text_encoder and not self.sample_sentences and datamodule:
            batch = datamodule.example_batch()
            joint = gather_in_order(list(self._first_sentences(batch)))
            self.sample_sentences = tuple(islice(dict.fromkeys(joint), GRID_SIDE))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        sentences = self._first_sentences(batch)
        places = range(own_rank(), num_devices() * len(batch), num_devices())  # in the batch that one device would have
        rngs = ImageRngs(zip(sentences, places, strict=True), seed=batch_idx, device=self.device)
        images = self._generate(rngs, sentences, self.validation_options, batch_size=len(batch))
        self.quality.update(batch.images, images, sentences)

    def on_validation_epoch_end(self) -> None:
        self.log_metrics("val", self.quality.compute() | self.quality.diversity(*self.sample_grid()))
        self.quality.reset()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["sample_sentences"], checkpoint["sample_seed"] = list(self.sample_sentences), self.sample_seed
        checkpoint["reference_sentences"] = list(self.reference_sentences)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        self.sample_sentences = tuple(checkpoint["sample_sentences"])
        self.sample_seed = checkpoint["sample_seed"]
        self.reference_sentences = tuple(checkpoint.get("reference_sentences", ()))

    def _first_sentences(self, batch: Batch) -> Sequence[str]:
        """Each image's first caption; empty ones where images are generated without."""
        return batch.pick(0).texts if self.text_encoder else [""] * len(batch)


def _learns(network: nn.Module | None) -> bool:
    return network is not None and any(weight.requires_grad for weight in network.parameters())
