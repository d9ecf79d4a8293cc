"""Runs whose captions have latents."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.pictures import Picture


@dataclass
class LatentCaptions(Handle):
    """A captioner that chooses among true captions by latents."""

    task = "captioning"
    abilities = ("latent_nats",)
    does = "say what their captions' latents hold"

    def latents_told(self, pictures: Sequence[Picture], sentences: Sequence[str]) -> tuple[float, int]:
        """Mean nats that a sentence's latents say of it beyond its image, and how many latents are active."""
        from diptych.systems.vae.activity import LatentActivity  # of training on several devices, which takes long

        nats, activity = [], LatentActivity()
        for start, pixels in zip(range(0, len(pictures), PICTURES_AT_ONCE), self._batches(pictures), strict=True):
            tokens, _ = self.tokenizer.encode_batch(sentences[start : start + PICTURES_AT_ONCE])
            of_each, means = self.system.latent_nats(pixels, tokens.to(pixels.device))
            nats.append(of_each.cpu())
            activity.update(means)
        return float(torch.cat(nats).mean()), activity.compute()
