"""Captions by latents: decoded from the mean of their prior, or from drawn latents; it needs no training."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.losses.captioning import token_nll
from diptych.losses.variational import gaussian_kl_between, importance_bound, log_importance_weights_between
from diptych.models.caption_decoders import repeat_rows
from diptych.models.caption_latents.priors import with_latents
from diptych.models.latent_encoders import Posterior
from diptych.systems.captioning.captions import Caption, CaptionScore
from diptych.systems.captioning.networks import NetworkSpeaker
from diptych.systems.captioning.options import LatentOptions
from diptych.systems.image_rngs import ImageRngs, digest_of_pixels
from diptych.systems.modes import evaluating
from diptych.types import PAD_ID, ImageFeatures, Images, Tokens

SAMPLES_OF_BOUND = 8
"""Latents drawn for a caption's likelihood; more make the bound tighter."""
OF_LATENTS = ("temperature", "seed", "num_captions")
"""Options of captions that latents answer."""

ChooseLatents = Callable[[Posterior], Tensor]


def _mean(prior: Posterior) -> Tensor:
    return prior.mean


def _drawn(prior: Posterior, *, rngs: ImageRngs, temperature: float) -> Tensor:
    """Latents of the prior, whose deviation is `temperature` times as large; the noise is each image's own."""
    return prior.sample(temperature * rngs.randn(prior.mean.shape[1]).to(prior.mean))


class LatentSpeaker(NetworkSpeaker):
    """Says captions with latents of a `latent_prior`; what sentences cost is measured with the `latent_encoder`."""

    networks: ClassVar[tuple[str, ...]] = (*NetworkSpeaker.networks, "latent_encoder", "latent_prior")
    caption_options = LatentOptions
    bounds_likelihood = True
    """What `negative_log_likelihood` gives is at least the true one."""
    latent_encoder: Any
    latent_prior: Any
    _choose: ChooseLatents = staticmethod(_mean)

    def features(self, images: Images) -> ImageFeatures:
        """What the decoder is given of images: their features, and latents from the prior (its means)."""
        features = self.image_encoder(images)
        return with_latents(features, self._choose(self.latent_prior(features)))

    def caption(self, images: Images, **options: Any) -> list[Caption]:
        """As a captioner's, but that a `temperature` draws latents and not words, and scales their deviation."""
        asked = self.caption_options(**options)
        if not asked.draws:
            return super().caption(images, **options)
        self.caption_search(asked)
        searched = {key: value for key, value in asked.given().items() if key not in OF_LATENTS}
        keys = [digest_of_pixels(image) for image in images]
        drawn = []
        for number in range(asked.num_captions):
            rngs = ImageRngs([(key, number) for key in keys], seed=asked.seed)
            with self._latents_by(partial(_drawn, rngs=rngs, temperature=asked.temperature)):
                drawn.append(super().caption(images, **searched))
        return [replace(first, alternatives=tuple(others)) for first, *others in zip(*drawn, strict=True)]

    def score_captions(self, images: Images, sentences: Sequence[str]) -> list[list[CaptionScore]]:
        """Refused: what single words cost depends on latents, over which nobody can sum exactly."""
        raise ValueError(
            f"score={sentences[0]!r}: a variational captioner bounds a sentence and gives single words no probability; "
            "`diptych evaluate` measures its sentences by the bound"
        )

    def negative_log_likelihood(self, images: Images, tokens: Tokens) -> Float[Tensor, " rows"]:
        """At most so many nats per token do these captions cost: a bound, differentiable in pixels.

        The bound of several samples (Burda et al. 2016, arXiv:1509.00519). Every caption is measured with the same
        noise, so that two captions of an image differ by what they say, and a batch by nothing.
        """
        features, targets = self.image_encoder(images), tokens[:, 1:]
        posterior, prior = self._posterior_and_prior(features, tokens)
        rng = torch.Generator().manual_seed(0)
        weights = []
        with torch.backends.cudnn.flags(enabled=self.training):  # its recurrent layers have no backward in eval mode
            for _ in range(SAMPLES_OF_BOUND):
                noise = torch.randn(1, self.latent_prior.latent_dim, generator=rng).to(posterior.mean)
                latents = posterior.sample(noise.expand_as(posterior.mean))
                logits = self.caption_decoder(with_latents(features, latents), tokens[:, :-1]).logits
                nll = token_nll(logits, targets).sum(dim=1)
                weights.append(log_importance_weights_between(nll, posterior, prior, latents))
        return -importance_bound(torch.stack(weights)) / lengths_of(targets)

    @torch.no_grad()
    def latent_nats(
        self, images: Images, tokens: Tokens
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, "rows latent"]]:
        """KL(q(z | x, y) || p(z | y)) of each caption in nats, and how far its posterior's mean is from the prior's."""
        with evaluating(self.image_encoder, self.latent_encoder, self.latent_prior):
            posterior, prior = self._posterior_and_prior(self.image_encoder(images), tokens)
        return gaussian_kl_between(*posterior, *prior).sum(dim=1), posterior.mean - prior.mean

    def _posterior_and_prior(self, features: ImageFeatures, tokens: Tokens) -> tuple[Posterior, Posterior]:
        """Of each caption; k captions of an image stand side by side."""
        prior = Posterior(*(repeat_rows(part, len(tokens)) for part in self.latent_prior(features)))
        return self.latent_encoder(features, tokens), prior

    @contextmanager
    def _latents_by(self, choose: ChooseLatents) -> Iterator[None]:
        before, self._choose = self._choose, choose
        try:
            yield
        finally:
            self._choose = before


def lengths_of(targets: Tokens) -> Tensor:
    """How many real tokens each caption has, at least one."""
    return (targets != PAD_ID).sum(dim=1).clamp(min=1)
