"""How good a generator's pictures of the validation sentences are."""

from collections.abc import Sequence

import torch

from diptych.metrics.diversity import diversity, duplicates
from diptych.metrics.energy import image_energy_distance
from diptych.metrics.scene_accuracy import SceneAccuracy
from diptych.systems.devices import gather_in_order
from diptych.types import DataSpec, Images

MAX_COMPARED = 1024


class GenerationQuality:
    """Collects real and generated pictures over a validation, and sums them up, over all devices.

    `energy_distance` (lower is better) compares the two sets of pictures, at most 1,024 of them, whatever the data.
    Where the data have a world, `scene_accuracy` and its parts say how many images show what their sentences say.
    """

    def __init__(self, data_spec: DataSpec, *, sentences_matter: bool) -> None:
        world = data_spec.world if sentences_matter else None
        self.truth = SceneAccuracy(world, data_spec.languages) if world else None
        self.reset()

    def reset(self) -> None:
        """Forget everything collected."""
        self._real: list[Images] = []
        self._generated: list[Images] = []
        if self.truth:
            self.truth.reset()

    def update(self, real: Images, generated: Images, sentences: Sequence[str]) -> None:
        """Take in a batch."""
        real, generated = real.float().cpu(), generated.float().cpu()
        if sum(map(len, self._real)) < MAX_COMPARED:
            self._real.append(real)
            self._generated.append(generated)
        if self.truth:
            self.truth.update(generated, sentences)

    def compute(self) -> dict[str, float]:
        """Each figure by its name."""
        real, generated = (_joint(images) for images in (self._real, self._generated))
        figures = self.truth.compute() if self.truth else {}
        if len(real) > 1:
            figures["energy_distance"] = float(image_energy_distance(real, generated))
        return figures

    def diversity(self, images: Images, sentences: Sequence[str]) -> dict[str, float]:
        """How much these images differ between latents and between sentences, relative to the real ones; and repeats.

        The images of one sentence stand side by side, and every sentence's come from the same latents.
        """
        grid = images.float().cpu().unflatten(0, (len(dict.fromkeys(sentences)), -1))
        return diversity(grid, _joint(self._real)) | duplicates(grid)


def _joint(batches: Sequence[Images]) -> Images:
    """The first images of all devices, in the order of the data."""
    return torch.stack(gather_in_order(torch.cat(list(batches))[:MAX_COMPARED])[:MAX_COMPARED])
