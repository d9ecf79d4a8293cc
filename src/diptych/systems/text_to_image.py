"""The base of every family that makes images of sentences: seeds, averages, fixed samples, validation, `generate`.

A family names the networks that generation needs and says how they sample; everything else is here. It may also learn
without sentences: then it takes none.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import nn

from diptych.systems.base import Figures, System
from diptych.systems.devices import gather_in_order, num_devices, own_rank
from diptych.systems.ema import WeightAverage
from diptych.systems.generation_quality import GenerationQuality
from diptych.systems.image_rngs import GivenLatents, ImageRequest, ImageRngs, image_requests
from diptych.systems.modes import evaluating
from diptych.systems.pairing import Prompts, draw_prompts
from diptych.systems.sampling_options import SamplingOptions
from diptych.systems.sampling_progress import SamplingProgress, Watch
from diptych.systems.schedules import Schedule
from diptych.systems.sentences import tokenized
from diptych.systems.text_pretraining import TextPretraining
from diptych.systems.training_captions import show_training_sentences, some_captions
from diptych.systems.walk import Stop, WalkRngs, blended, check_walk, on_the_way
from diptych.systems.whitening import check_whitening_is_learned
from diptych.text import tokenizer_of
from diptych.types import Batch, DataSpec, Images, Sentences, TextFeatures

GRID_SIDE = 8
REFERENCE_SENTENCES = 256
"""Training sentences that a checkpoint keeps; the mean of so many vectors is good to a sixteenth of their spread."""


class TextToImage(System, ABC):
    """A text encoder (None: without sentences), the averages of the networks that generate, and how they sample.

    With `ema_half_life_images`, averaged weights generate for people and in validation; the raw ones are kept as well.
    A family sets its networks as attributes, names those that generate in `averaged`, and then calls
    `keep_averages()`. `validation_options` are how it samples during training.
    """

    task = "text_to_image"
    options: ClassVar[type[SamplingOptions]] = SamplingOptions
    averaged: ClassVar[tuple[str, ...]] = ("generator", "text_encoder")

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
        self._mean_sentences: dict[Any, torch.Tensor] | None = None
        self.sampling = SamplingProgress(0)

    @abstractmethod
    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: Any) -> Images:
        """One image for each of `rngs`, in [-1, 1].

        `networks` are those of `averaged`, averaged or raw, in evaluation mode and without gradients; `text` has a row
        an image, or is None; `options` are the family's own. All randomness comes from `rngs`.
        """

    def check_options(self, options: Any) -> None:
        """Refuse options that the networks cannot follow, by name, before anything is computed; none, in the base."""

    def mean_sentence(self, encode: Any) -> Float[torch.Tensor, " dim"]:
        """The mean vector that this text encoder, raw or averaged, gives the reference sentences of the checkpoint.

        They are training sentences (`REFERENCE_SENTENCES` of them, evenly over the data), kept as text, and are read
        once for all images of a call.
        """
        known = {} if self._mean_sentences is None else self._mean_sentences
        if encode not in known:
            known[encode] = encode(self._tokenized(self.reference_sentences)).sentence.mean(dim=0)
        return known[encode]

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

    def averaged_network(self, average: Any, options: Any) -> nn.Module:
        """The averaged weights that these options ask for."""
        return average.network

    def uses_averages(self, options: Any) -> bool:
        """Whether averaged weights generate where they are kept."""
        return True

    @property
    def has_averages(self) -> bool:
        """Whether averaged weights generate."""
        return any(average is not None for average in self._averages().values())

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

    @property
    def reads_any_text(self) -> bool:
        """Whether the text encoder has its own tokenizer: then no word is unknown and no sentence too long."""
        return getattr(self.text_encoder, "reads_texts", False)

    def generate(
        self,
        sentences: Sequence[str] | None = None,
        num_images: int = 1,
        seed: int | Sequence[int] = 0,
        options: SamplingOptions | None = None,
        *,
        noise_keys: Sequence[str] | None = None,
        **how: Any,
    ) -> Images:
        """`num_images` images of each sentence, those of one sentence side by side.

        There may be a seed for each sentence, or for each image (`image_requests`), and noise keys in place of the
        sentences. A run trained without sentences takes none. Words that the run never saw are read as <unk>. `how` is
        that of `generate_each`.
        """
        requests = image_requests(self._checked(sentences), num_images, seed, noise_keys)
        return self.generate_each(requests, options, **how)

    def generate_each(
        self,
        requests: Sequence[ImageRequest],
        options: SamplingOptions | None = None,
        *,
        use_ema: bool = True,
        batch_size: int = 64,
        latents: Float[torch.Tensor, "images ..."] | None = None,
        progress: Watch | None = None,
    ) -> Images:
        """An image of each request, which depends on it and the weights alone whatever else is asked (up to rounding).

        Weights are those of now where the run keeps no average. `latents` stand in for the first noise that the family
        draws. `progress(made, total)` is told how many images are made, and ends the call by raising.
        """
        self._checked(asked := [request.sentence for request in requests])
        rngs = ImageRngs.of(requests, device=self.device)
        rngs = rngs if latents is None else GivenLatents(latents, rngs)
        chosen = self._chosen(options)
        return self._generate(rngs, asked, chosen, use_ema=use_ema, batch_size=batch_size, progress=progress)

    @torch.no_grad()
    def walk(
        self,
        stops: Sequence[Stop],
        frames: int = 16,
        seed: int = 0,
        options: SamplingOptions | None = None,
        *,
        use_ema: bool = True,
        progress: Watch | None = None,
    ) -> Images:
        """The images on the way from stop to stop: `frames` from each to the next, with both of them.

        Each is generated alone, so that those at the stops are bit for bit what `generate` gives of one sentence.
        """
        check_walk(stops, frames)
        self._checked([stop.sentence for stop in stops])
        chosen = self._chosen(options)
        networks = self.generating_networks(chosen, use_ema=use_ema)
        encode = networks["text_encoder"]
        way = list(on_the_way(len(stops), frames))
        with evaluating(*networks.values()), self._one_call(SamplingProgress(len(way), progress)):
            texts: list[Any] = [self._read_by(networks, [stop.sentence]) for stop in stops]
            images = []
            for here, there, share in way:
                self.sampling.begin(1)
                a, b = (ImageRngs([stops[i][1:]], seed=seed, device=self.device) for i in (here, there))
                text = blended(texts[here], texts[there], share) if encode else None
                images.append(self._of_right_shape(self.sample(networks, text, WalkRngs(a, b, share), chosen), 1))
                self.sampling.reach(1.0)
            return torch.cat(images)

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

    def _chosen(self, options: SamplingOptions | None) -> SamplingOptions:
        chosen = options or self.options()
        self.check_options(chosen)
        return chosen

    @torch.no_grad()
    def _generate(
        self,
        rngs: ImageRngs,
        sentences: Sequence[str],
        options: SamplingOptions,
        *,
        use_ema: bool = True,
        batch_size: int = 64,
        progress: Watch | None = None,
    ) -> Images:
        networks = self.generating_networks(options, use_ema=use_ema)
        with evaluating(*networks.values()), self._one_call(SamplingProgress(len(rngs), progress)):
            images, start = [], 0
            for part in rngs.split(batch_size):
                self.sampling.begin(len(part))
                text = self._read_by(networks, sentences[start : start + len(part)])
                images.append(self._of_right_shape(self.sample(networks, text, part, options), len(part)))
                self.sampling.reach(1.0)
                start += len(part)
            return torch.cat(images)

    def _read_by(self, networks: Mapping[str, Any], sentences: Sequence[str]) -> TextFeatures | None:
        encode = networks["text_encoder"]
        return encode(self._tokenized(sentences)) if encode else None

    @contextmanager
    def _one_call(self, progress: SamplingProgress | None = None) -> Iterator[None]:
        """While entered, weights stay as they are, and so does what follows from them alone; `sampling` counts."""
        self._mean_sentences, self.sampling = {}, progress or SamplingProgress(0)
        try:
            yield
        finally:
            self._mean_sentences, self.sampling = None, SamplingProgress(0)

    def _of_right_shape(self, images: torch.Tensor, number: int) -> Images:
        """What `sample` gave, if it is an image for each generator of random numbers."""
        side = self.data_spec.image_size
        wanted = (number, self.data_spec.image_channels, side, side)
        if tuple(images.shape) != wanted:
            raise ValueError(f"{type(self).__name__}.sample gave {tuple(images.shape)}; the images are {wanted}")
        return images

    def generating_networks(self, options: SamplingOptions, *, use_ema: bool = True) -> dict[str, Any]:
        """Those that generate, by name; averaged ones where they are kept and wanted."""
        raw = {"text_encoder": self.text_encoder} | {name: getattr(self, name) for name in self.averaged}
        if not (use_ema and self.uses_averages(options)):
            return raw
        kept = {name: average for name, average in self._averages().items() if average is not None}
        return raw | {name: self.averaged_network(average, options) for name, average in kept.items()}

    def _averages(self) -> dict[str, Any]:
        if missing := [name for name in self.averaged if not hasattr(self, f"{name}_average")]:
            family = type(self).__name__
            raise TypeError(f"{family}.averaged names {missing[0]}: set it, then call self.keep_averages()")
        return {name: getattr(self, f"{name}_average") for name in self.averaged}

    def _first_sentences(self, batch: Batch) -> Sequence[str]:
        """Each image's first caption; empty ones where images are generated without."""
        return batch.pick(0).texts if self.text_encoder else [""] * len(batch)

    def _one_for_each(self, sentences: Sequence[str] | None, number: int) -> Sequence[str]:
        """The sentences, if there is one for each of so many images; empty ones for a run without."""
        said = list(self._checked(sentences)) if self.text_encoder else [""] * number
        if len(said) != number:
            raise ValueError(f"{len(said)} sentences and {number} images: give one for each")
        return said

    def _tokenized(self, texts: Sequence[str]) -> Sentences:
        return tokenized(texts, self.tokenizer, max_length=self.data_spec.max_length, device=self.device)

    def _checked(self, sentences: Sequence[str] | None) -> Sequence[str]:
        if not self.text_encoder:
            if sentences and any(sentences):
                raise ValueError(f"this generator learned from {self.data_spec.name} without sentences: give it none")
            return [""]
        if not sentences:
            raise ValueError("this generator needs sentences: give it at least one")
        for sentence in () if self.reads_any_text else sentences:
            num_tokens, most = len(self.tokenizer.split(sentence)), self.data_spec.max_length - 2
            if num_tokens > most:
                raise ValueError(f"{sentence!r} has {num_tokens} tokens; this generator reads at most {most}")
        return sentences


def _learns(network: nn.Module | None) -> bool:
    return network is not None and any(weight.requires_grad for weight in network.parameters())
