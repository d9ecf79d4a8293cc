"""How a family of generators makes images of sentences: seeds, averages, walks, progress.

A family's sampler says what its networks are and how they sample. A system that trains is a sampler as well, and so is
what an export holds (`standalone.py`): nothing here imports a framework of training.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import nn

from diptych.systems.image_rngs import GivenLatents, ImageRequest, ImageRngs, image_requests
from diptych.systems.inference.exportable import Exportable
from diptych.systems.modes import evaluating
from diptych.systems.sampling_options import SamplingOptions
from diptych.systems.sampling_progress import SamplingProgress, Watch
from diptych.systems.sentences import tokenized
from diptych.systems.walk import Stop, WalkRngs, blended, check_walk, on_the_way
from diptych.text.tokenizers import Tokenizer
from diptych.types import DataSpec, Images, Sentences, TextFeatures

KEPT_MEAN = "kept_mean"
"""The attribute that stands for the mean of the reference sentences' vectors, where there is one: an export has it."""


class MakesImages(Exportable):
    """What whoever has trained networks of a family can do for people: images of sentences, and walks between them.

    `averaged` names the networks that generate; beside each, `NAME_average` follows its weights, or is None.
    """

    task = "text_to_image"
    options: ClassVar[Any] = SamplingOptions
    averaged: ClassVar[tuple[str, ...]] = ("generator", "text_encoder")
    guides_from_mean: ClassVar[bool] = False
    """Whether guidance begins at the mean of sentences."""
    data_spec: DataSpec
    device: Any
    tokenizer: Tokenizer
    text_encoder: Any
    reference_sentences: tuple[str, ...] = ()
    sampling = SamplingProgress(0)
    _mean_sentences: dict[Any, torch.Tensor] | None = None

    @abstractmethod
    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: Any) -> Images:
        """One image for each of `rngs`, in [-1, 1].

        `networks` are those of `averaged`, averaged or raw, in evaluation mode and without gradients; `text` has a row
        an image, or is None; `options` are the family's own. All randomness comes from `rngs`.
        """

    def check_options(self, options: Any) -> None:
        """Refuse options that the networks cannot follow, by name, before anything is computed; none, in the base."""

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

    def mean_sentence(self, encode: Any) -> Float[torch.Tensor, " dim"]:
        """The mean vector that this text encoder, raw or averaged, gives the reference sentences of the checkpoint.

        They are training sentences (`REFERENCE_SENTENCES` of them, evenly over the data), kept as text, and are read
        once for all images of a call. An export keeps the mean and not the sentences.
        """
        if (kept := getattr(self, KEPT_MEAN, None)) is not None:
            return kept
        known = {} if self._mean_sentences is None else self._mean_sentences
        if encode not in known:
            known[encode] = encode(self._tokenized(self.reference_sentences)).sentence.mean(dim=0)
        return known[encode]

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
    def reads_any_text(self) -> bool:
        """Whether the text encoder has its own tokenizer: then no word is unknown and no sentence too long."""
        return getattr(self.text_encoder, "reads_texts", False)

    def generating_networks(self, options: SamplingOptions, *, use_ema: bool = True) -> dict[str, Any]:
        """Those that generate, by name; averaged ones where they are kept and wanted."""
        raw = {"text_encoder": self.text_encoder} | {name: getattr(self, name) for name in self.averaged}
        if not (use_ema and self.uses_averages(options)):
            return raw
        kept = {name: average for name, average in self._averages().items() if average is not None}
        return raw | {name: self.averaged_network(average, options) for name, average in kept.items()}

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

    @classmethod
    def exported_networks(cls) -> tuple[str, ...]:
        return cls.averaged

    def exported_network(self, name: str) -> Any:
        return self.generating_networks(self.options()).get(name)

    @torch.no_grad()
    def derived_tensors(self) -> dict[str, torch.Tensor]:
        if not (self.guides_from_mean and self.text_encoder is not None and self.reference_sentences):
            return {}
        encode = self.exported_network("text_encoder")
        with evaluating(encode):
            return {KEPT_MEAN: self.mean_sentence(encode)}

    def _averages(self) -> dict[str, Any]:
        if missing := [name for name in self.averaged if not hasattr(self, f"{name}_average")]:
            family = type(self).__name__
            raise TypeError(f"{family}.averaged names {missing[0]}: set it, then call self.keep_averages()")
        return {name: getattr(self, f"{name}_average") for name in self.averaged}

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
