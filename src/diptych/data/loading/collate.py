"""Collate examples into a batch: pictures stacked or rendered, sentences tokenised and padded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.data.example import Example
from diptych.data.labels import as_matrix
from diptych.text import Tokenizer
from diptych.types import Batch, Scene
from diptych.world import render


@dataclass(frozen=True)
class Collate:
    """A function from examples to a `Batch`; it renders all scenes at once, which is fast.

    It uses one thread: pictures are small, so more threads would not help, and the pixels do not depend on the number
    of threads of a process (worker processes have one). With `partly_captioned` a batch says who has captions.
    """

    tokenizer: Tokenizer
    image_size: int
    labels: tuple[str, ...] = ()
    partly_captioned: bool = False

    def __call__(self, examples: list[Example]) -> Batch:
        with _one_thread():
            return self._batch(examples)

    def _batch(self, examples: list[Example]) -> Batch:
        captions = len(examples[0].sentences)
        tokens, mask = self.tokenizer.encode_batch([text for example in examples for text in example.sentences])
        return Batch(
            **self._seen(examples),
            tokens=tokens.unflatten(0, (len(examples), captions)),
            token_mask=mask.unflatten(0, (len(examples), captions)),
            sentences=tuple(tuple(example.sentences) for example in examples),
            references=tuple(example.references for example in examples),
            scenes=tuple(map(scene_seen, examples)),
            keys=tuple(example.key for example in examples),
            captioned=torch.tensor([e.captioned for e in examples]) if self.partly_captioned else None,
            labels=as_matrix([example.labels for example in examples], self.labels) if self.labels else None,
        )

    def _seen(self, examples: list[Example]) -> dict[str, Tensor]:
        """The images, or cached features with images that have no pixels."""
        stored = [example.features for example in examples if example.features is not None]
        if not stored:
            return {"images": as_seen(self._images(examples), examples)}
        pairs = zip(stored, examples, strict=True)
        read = [features.read(mirrored=example.view is not None) for features, example in pairs]
        pooled, regions = map(torch.stack, zip(*read, strict=True))
        return {"images": torch.empty(len(examples), 3, 0, 0), "pooled": pooled, "regions": regions}

    def _images(self, examples: list[Example]) -> Tensor:
        images = [example.image for example in examples if example.image is not None]
        if images:
            return to_unit_range(torch.stack(images))
        scenes = [example.scene for example in examples if example.scene is not None]
        return render(scenes, side=self.image_size)


def as_seen(images: Tensor, examples: list[Example]) -> Tensor:
    """The pictures through the views of their examples; one without a view is unchanged."""
    if all(example.view is None for example in examples):
        return images
    pairs = zip(images, examples, strict=True)
    return torch.stack([image if example.view is None else example.view.of_image(image) for image, example in pairs])


def scene_seen(example: Example) -> Scene | None:
    """The scene of the picture as it is seen, if it is known."""
    if example.scene is None or example.view is None:
        return example.scene
    return example.view.of_scene(example.scene)


def to_unit_range(images: Tensor) -> Tensor:
    """Bytes 0..255 as [-1, 1]; floating-point images stay unchanged."""
    return images if images.is_floating_point() else images.float() / 127.5 - 1


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
