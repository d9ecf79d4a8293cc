"""How the decoder of a VAE samples: from the standard normal, or from the prior that was fitted to its latents."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from diptych.systems.inference.graphs import Graph, from_latents
from diptych.systems.inference.images import MakesImages
from diptych.systems.vae.options import USUAL_STEPS, VAEOptions
from diptych.types import Images, TextFeatures


class DecoderSampler(MakesImages):
    """A decoder of latents, and the fitted prior of them where there is one."""

    averaged: ClassVar[tuple[str, ...]] = ("generator", "text_encoder", "latent_prior")
    options: ClassVar[Any] = VAEOptions
    generator: Any
    latent_prior: Any

    def graphs(self) -> dict[str, Callable[[], Graph]]:
        fitted = {} if self.latent_prior is None else {"latent_prior": _no_graph}
        return {"generator": lambda: from_latents(self.generator, self.text_encoder, self.data_spec), **fitted}

    def sample(self, networks: Mapping[str, Any], text: TextFeatures | None, rngs: Any, options: VAEOptions) -> Images:
        latents = options.temperature * rngs.randn(self.generator.latent_dim)
        prior, steps = networks["latent_prior"], options.prior_steps
        if prior is not None and steps != 0:
            latents = prior.sample(latents, text, USUAL_STEPS if steps is None else steps)
        return networks["generator"](latents, text).clamp(-1, 1)

    def check_options(self, options: VAEOptions) -> None:
        if options.prior_steps is not None and self.latent_prior is None:
            raise ValueError(f"prior_steps={options.prior_steps}: this run fitted no prior; leave the option out")


def _no_graph() -> Graph:
    raise ValueError("it samples in a loop, for which there is no runner yet; without it, images are of prior_steps=0")
