"""Runs that make images again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.config.errors import UserError
from diptych.models.frozen_backbone import has_backbones
from diptych.runs.handles.base import PICTURES_AT_ONCE, Handle
from diptych.runs.images.pictures import Picture
from diptych.types import Images


@dataclass
class ImageAutoencoder(Handle):
    """A run that makes images again from their latents or codes."""

    task = "autoencoding"
    abilities = ("reconstruct",)
    does = "make images again"
    python_use = 'reconstruct(["picture.png"])[0]'

    @classmethod
    def first_use(cls, system: Any, sentence: str) -> tuple[str, ...]:
        return ("evaluate",)

    @property
    def reconstructs(self) -> bool:
        """Whether it has all that it needs: an encoder that looks through a borrowed one has not, once restored."""
        return has_backbones(self.system)

    def reconstruct(self, pictures: Sequence[Picture], sentences: Sequence[str] = ()) -> list[Image.Image]:
        """Each image made again: PIL images, paths or tensors in [-1, 1], brought to the model's size.

        A conditional run needs a sentence for each.
        """
        pixels = list(self.reconstructions(pictures, sentences))
        return [picture for image in pixels for picture in to_pil(image[None])]

    def reconstructions(self, pictures: Sequence[Picture], sentences: Sequence[str] = ()) -> Iterator[Images]:
        """As `reconstruct`, as tensors in [-1, 1], a batch of images in memory at a time."""
        if getattr(self.system, "text_encoder", None) is None:
            sentences = ()
        elif len(sentences) != len(pictures):
            raise UserError(f"{len(sentences)} sentences and {len(pictures)} images: give one for each")
        start = 0
        for pixels in self._batches(pictures):
            yield from self.system.reconstruct(pixels, sentences[start : start + PICTURES_AT_ONCE] or None)
            start += PICTURES_AT_ONCE
