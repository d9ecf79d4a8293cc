"""How a generator of latents samples, guided and truncated or not."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from diptych.systems.gan.options import LatentOptions, check_fits, guided, sampled
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.inference.graphs import Graph, from_latents
from diptych.systems.inference.images import KEPT_MEAN, MakesImages
from diptych.types import Images, TextFeatures


class LatentSampler(MakesImages):
    """One pass of the generator an image, from its latents."""

    options: ClassVar[Any] = LatentOptions
    guides_from_mean = True
    generator: Any

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        return {"generator": lambda: from_latents(self.generator, self.text_encoder, self.data_spec)}

    def sample(
        self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: ImageRngs, options: LatentOptions
    ) -> Images:
        if text is not None and options.guides:
            text = guided(text, self.mean_sentence(networks["text_encoder"]), options.guidance_scale)
        return sampled(networks["generator"], text, rngs, options)

    def check_options(self, options: LatentOptions) -> None:
        has_sentences = self.text_encoder is not None
        has_mean = bool(self.reference_sentences) or hasattr(self, KEPT_MEAN)
        check_fits(options, self.generator, has_sentences=has_sentences, has_mean=has_mean)
