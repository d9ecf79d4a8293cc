"""A denoiser's loss on a fixed grid of images, noises and times: figures of it compare.

Each validation image is noised at `TIMES` times, one of each equal slice of the distribution of times, at places that
differ from image to image; its noise is its own. All follow from the number of the image in the data, so that neither
the batch's size nor the number of devices matters.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from diptych.systems.devices import gather_in_order, num_devices, own_rank
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.modes import evaluating
from diptych.types import Batch

if TYPE_CHECKING:
    from diptych.systems.diffusion.system import Diffusion

TIMES = 2
"""Times at which each image is noised."""
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it fill an interval evenly, however many there are."""
NORMAL_QUANTILE = 1.96


class ValidationLoss:
    """The mean over images of the averaged network's loss, with an interval of 95 % over images."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._losses: list[float] = []
        self._joint = 0

    @torch.no_grad()
    def update(self, system: "Diffusion", batch: Batch) -> None:
        """Take in a batch."""
        numbers = [self._joint + own_rank() + num_devices() * i for i in range(len(batch))]
        self._joint += num_devices() * len(batch)
        networks = system.generating_networks(system.options())
        with evaluating(*networks.values()):
            encode = networks["text_encoder"]
            text = encode(batch.pick(0)) if encode else None
            real = batch.images / system.image_std
            losses = [self._at(system, networks["denoiser"], real, text, numbers, k) for k in range(TIMES)]
        self._losses += torch.stack(losses).mean(0).tolist()

    def compute(self) -> dict[str, float]:
        """`loss`, and the ends of its interval."""
        losses = torch.tensor(gather_in_order(self._losses), dtype=torch.float64)
        mean, spread = float(losses.mean()), 0.0
        if len(losses) > 1:
            spread = NORMAL_QUANTILE * float(losses.std()) / len(losses) ** 0.5
        return {"loss": mean, "loss_low": mean - spread, "loss_high": mean + spread}

    @staticmethod
    def _at(system: "Diffusion", denoiser, real: Tensor, text, numbers: list[int], slice_number: int) -> Tensor:
        places = torch.tensor([(slice_number + number * GOLDEN % 1) / TIMES for number in numbers])
        times = system.times.quantile(places.clamp(1e-4, 1 - 1e-4).to(real), system.process)
        keys = [(f"validation {slice_number}", number) for number in numbers]
        noise = ImageRngs(keys, seed=0, device=real.device).randn(*real.shape[1:])
        level = system.process.at(times).over(real)
        noisy = level.noisy(real, noise)
        output, image = system.guess(denoiser, noisy, times, text)
        return system.loss_of(output, image, real, noisy, noise, level)
