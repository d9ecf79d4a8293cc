"""The training step of captions whose latents are drawn, as a caption objective sees it."""

from dataclasses import dataclass, fields
from typing import Self

import torch

from diptych.models.caption_latents.priors import with_latents
from diptych.systems.captioning.objectives import CaptionStep, WholeBatch
from diptych.types import Batch, ImageFeatures


@dataclass(frozen=True, kw_only=True)
class LatentCaptionStep(CaptionStep):
    """A step in which every caption has features of its own: its image's, with latents beside the pooled vector.

    An example is one caption with its image. So whatever an objective compares (references, scenes, what it decodes
    now) is of the latents of that caption.
    """

    conditioned: ImageFeatures

    @classmethod
    def of(cls, step: CaptionStep, features: ImageFeatures, latents: torch.Tensor) -> Self:
        """The step of these images' captions, each with its row of latents; images were encoded once."""
        times, images = step.batch.tokens.shape[1], range(len(step.whole.batch))[step.part]
        return cls(
            **{field.name: getattr(step, field.name) for field in fields(step)}
            | {
                "batch": one_caption_each(step.batch),
                "images": step.images.repeat_interleave(times, dim=0),
                "whole": WholeBatch(one_caption_each(step.whole.batch), step.whole.known),
                "part": slice(images.start * times, images.stop * times),
                "conditioned": with_latents(features, latents),
            }
        )

    @property
    def features(self) -> ImageFeatures:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The encoder's features and the latents, with gradient, of each caption."""
        return self.conditioned


def one_caption_each(batch: Batch) -> Batch:
    """The same captions in the same order, as examples of their own."""
    number = batch.tokens.shape[1]
    if number == 1:
        return batch

    def repeated(values: tuple) -> tuple:
        return tuple(value for value in values for _ in range(number))

    return Batch(
        images=batch.images.repeat_interleave(number, dim=0),
        tokens=batch.tokens.flatten(0, 1).unsqueeze(1),
        token_mask=batch.token_mask.flatten(0, 1).unsqueeze(1),
        sentences=tuple((text,) for said in batch.sentences for text in said),
        references=repeated(batch.references),
        scenes=repeated(batch.scenes),
        keys=repeated(batch.keys),
        labels=None if batch.labels is None else batch.labels.repeat_interleave(number, dim=0),
        captioned=None if batch.captioned is None else batch.captioned.repeat_interleave(number, dim=0),
    )
