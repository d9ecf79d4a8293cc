"""How a network that denoises samples: from noise to images, guided or not, and from images back to their noise."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from diptych.diffusion.guidance import guided, is_within
from diptych.diffusion.predictions import Prediction
from diptych.diffusion.processes import Process
from diptych.diffusion.solvers import SOLVERS, Denoise, inverted, start_of
from diptych.systems.diffusion.inversion import GivenNoise, check_inverts
from diptych.systems.diffusion.options import DiffusionOptions
from diptych.systems.diffusion.spaces import Space, space_of
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.inference.graphs import Denoises, Graph, check_reads_tokens, noise_of, reading, words_of
from diptych.systems.inference.images import MakesImages
from diptych.systems.modes import evaluating
from diptych.systems.power_averages import check_length
from diptych.systems.sampling_progress import SamplingProgress, Watch
from diptych.systems.sentences import check_guided
from diptych.types import PAD_ID, Images, Sentences, TextFeatures


class DenoisingSampler(MakesImages):
    """A denoiser, the process that it turns back, and what it predicts; whoever samples sets what is declared here."""

    averaged: ClassVar[tuple[str, ...]] = ("denoiser", "text_encoder")
    mathematics: ClassVar[tuple[str, ...]] = ("process", "prediction")
    settings: ClassVar[tuple[str, ...]] = ("text_dropout",)
    tensors: ClassVar[tuple[str, ...]] = ("image_std",)
    borrows: ClassVar[tuple[str, ...]] = ("autoencoder",)
    inverts: ClassVar[bool] = True
    options: ClassVar[Any] = DiffusionOptions
    denoiser: Any
    denoiser_average: Any
    process: Process
    prediction: Prediction
    text_dropout: float
    average_lengths: Sequence[float]
    image_std: Tensor
    space: Space

    def borrow(self, autoencoder: Any = None) -> None:
        """Work in the latents of this autoencoder, which stays as it is; on pixels without one."""
        self.space = space_of(self.data_spec, autoencoder)

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        reads = {"text_encoder": lambda: reading(self.text_encoder, self.data_spec)} if self.text_encoder else {}
        return {"denoiser": self._denoiser_graph, **reads, **self.space.graphs()}

    @torch.no_grad()
    def sample(
        self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: DiffusionOptions
    ) -> Images:
        stops, draw = self.process.grid(options.steps), lambda: rngs.randn(*self.space.shape)
        start = start_of(draw(), self.process, stops)
        denoise = self._watched(self._denoise(networks, text, options), stops)
        images = SOLVERS[options.solver](denoise, self.process, start, stops, draw)
        return self.decoded(images)

    @torch.no_grad()
    def invert(
        self,
        images: Images,
        sentences: Sequence[str] | None = None,
        seed: int = 0,
        options: DiffusionOptions | None = None,
        *,
        use_ema: bool = True,
        batch_size: int = 64,
        progress: Watch | None = None,
    ) -> Images:
        """Standard normal noise of which `solver=ddim` makes these images, in as many steps, or nearly so.

        There is a sentence an image. The seed is of a little noise that is mixed in first
        (`diptych.diffusion.solvers.inverted`). Without `options` there are 20 steps and no guidance. `generate_from`
        makes images of the noise.
        """
        chosen: Any = self._chosen(options or self.options(solver="ddim"))
        check_inverts(chosen)
        said = self._one_for_each(sentences, len(images))
        networks, stops = self.generating_networks(chosen, use_ema=use_ema), self.process.grid(chosen.steps)
        rngs, noise, start = ImageRngs(zip(said, count()), seed=seed, device=self.device), [], 0
        with evaluating(*networks.values()), self._one_call(SamplingProgress(len(images), progress)):
            for drawn in rngs.split(batch_size):
                self.sampling.begin(len(drawn))
                part = self.encoded(images[start : start + len(drawn)].to(self.device))
                guess = self._denoise(networks, self._read_by(networks, said[start : start + len(drawn)]), chosen)
                draw = partial(drawn.randn, *part.shape[1:])
                way_back = self._watched(guess, stops.flip(0).to(part))
                noise.append(inverted(way_back, self.process, part, stops, draw))
                self.sampling.reach(1.0)
                start += len(drawn)
        return torch.cat(noise)

    def generate_from(
        self,
        noise: Images,
        sentences: Sequence[str] | None = None,
        options: DiffusionOptions | None = None,
        *,
        use_ema: bool = True,
        batch_size: int = 64,
        progress: Watch | None = None,
    ) -> Images:
        """An image of each noise, by default as `invert` expects it; a sentence an image."""
        chosen = self._chosen(options or self.options(solver="ddim"))
        said = self._one_for_each(sentences, len(noise))
        rngs = GivenNoise(noise.to(self.device))
        return self._generate(rngs, said, chosen, use_ema=use_ema, batch_size=batch_size, progress=progress)

    def check_options(self, options: DiffusionOptions) -> None:
        self._check_ema(options.ema)
        if options.sentences:
            _ = self._checked(options.sentences)
        if options.guides:
            check_guided(
                options.guidance_scale,
                has_sentences=self.text_encoder is not None,
                away_from_something=bool(self.text_dropout or options.negative),
                way_out=", or give a negative sentence",
            )

    def guess(
        self,
        denoiser: Any,
        noisy: Images,
        times: Float[Tensor, " batch"],
        text: TextFeatures | None,
        *more: Float[Tensor, " batch"],
    ) -> tuple[Tensor, Images]:
        """What the network says of noisy images at these times, and the clean images that it means; in float32.

        `more` are further numbers that it is told of each image.
        """
        level = self.process.at(times).over(noisy)
        seen = noisy * self.prediction.input_scale(level)
        output = denoiser(seen, [self.process.signal(times), *more], text)
        output = output.to(torch.promote_types(output.dtype, torch.float32))
        return output, self.prediction.image(output, noisy, level)

    def encoded(self, images: Images) -> Tensor:
        """Images in the units of the process."""
        return self.space.encode(images) / self.image_std

    def decoded(self, samples: Tensor) -> Images:
        """The images that samples stand for, in [-1, 1]."""
        return self.space.decode(samples * self.image_std).clamp(-1, 1)

    def averaged_network(self, average: Any, options: DiffusionOptions) -> nn.Module:
        return average.network if options.ema is None else average.of_length(options.ema)

    def uses_averages(self, options: DiffusionOptions) -> bool:
        return options.ema != 0

    def _watched(self, denoise: Denoise, stops: Tensor) -> Denoise:
        """The same, and whoever watches the call is told how many of the steps are behind."""
        numbers = {float(time): number for number, time in enumerate(stops)}

        def told(noisy: Images, time: Tensor) -> Images:
            self.sampling.reach(numbers[float(time)] / (len(numbers) - 1))
            return denoise(noisy, time)

        return told

    def _denoise(self, networks: Mapping[str, Any], text: TextFeatures | None, options: DiffusionOptions) -> Denoise:
        """The network's guess of the clean image as solvers ask for it, guided where these options guide."""
        others = self._others(networks, text, options) if text is not None and options.guides else None

        def denoise(noisy: Images, time: Tensor) -> Images:
            times = time.to(noisy).expand(len(noisy))
            image = self.guess(networks["denoiser"], noisy, times, text)[1]
            if others is None or not is_within(self.process.at(time), options.guidance_interval):
                return image
            other = self.guess(networks["denoiser"], noisy, times, others)[1]
            return guided(image, other, options.guidance_scale)

        return denoise

    def _others(self, networks: Mapping[str, Any], text: TextFeatures, options: DiffusionOptions) -> TextFeatures:
        """What guidance moves away from: the negative sentence, or no sentence."""
        number = len(text.sentence)
        if not options.negative:
            return networks["denoiser"].null(number)
        return networks["text_encoder"](self._tokenized([options.negative] * number))

    def _denoiser_graph(self) -> Graph:
        """What the network is told of an image: how it is seen, the share of signal and further numbers, a sentence."""
        spec, encode = self.data_spec, self.text_encoder
        num_levels = getattr(self.denoiser, "num_levels", 1)
        check_reads_tokens(encode)

        @torch.no_grad()
        def example(number: int) -> tuple[Tensor, ...]:
            levels = [torch.linspace(0.2, 0.8, number) for _ in range(num_levels)]
            tokens = words_of(spec, number)
            text = encode(Sentences((), tokens, tokens != PAD_ID)) if encode else ()
            return (noise_of(number, *self.space.shape), *levels, *text)

        inputs = (
            "seen",
            *(f"level_{i}" for i in range(num_levels)),
            *(("sentence", "words", "mask") if encode else ()),
        )
        return Graph(Denoises(self.denoiser, num_levels), inputs, ("output",), example)

    def _check_ema(self, length: float | None) -> None:
        if length is not None and self.only_averages:
            raise ValueError(f"ema={length:g}: an export holds one average of the weights, and no others; leave it out")
        if length and self.denoiser_average is None:
            raise ValueError(f"ema={length:g}: this run keeps no averages; leave the option out")
        if length:
            check_length(length, self.average_lengths)
