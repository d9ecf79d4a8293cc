"""A denoiser's loss on a fixed grid of images, noises and times: figures of it compare.

Each validation image is noised at `TIMES` times, one of each equal slice of the distribution of times, at places that
differ from image to image; its noise is its own. All follow from the number of the image in the data, so that neither
the batch's size nor the number of devices matters.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.metrics.statistics.seeds import student_t_interval
from diptych.systems.devices import gather_in_order, num_devices, own_rank
from diptych.systems.image_rngs import ImageRngs
from diptych.types import Images

TIMES = 2
"""Times at which each image is noised."""
GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it fill an interval evenly, however many there are."""

LossAt = Callable[[Float[Tensor, " batch"], Images], Float[Tensor, " batch"]]
"""(shares of the distribution of times, noise) -> the loss of each image."""


class ValidationLoss:
    """The mean over images of the averaged network's loss, with an interval of 95 % over images."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all images."""
        self._losses: list[float] = []
        self._joint = 0

    @torch.no_grad()
    def update(self, images: Images, loss_at: LossAt) -> None:
        """Take in a batch."""
        numbers = [self._joint + own_rank() + num_devices() * i for i in range(len(images))]
        self._joint += num_devices() * len(images)
        losses = []
        for part in range(TIMES):
            shares = torch.tensor([(part + number * GOLDEN % 1) / TIMES for number in numbers])
            rngs = ImageRngs([(f"validation {part}", number) for number in numbers], seed=0, device=images.device)
            losses.append(loss_at(shares.clamp(1e-4, 1 - 1e-4).to(images), rngs.randn(*images.shape[1:])))
        self._losses += torch.stack(losses).mean(0).tolist()

    def compute(self) -> dict[str, float]:
        """`loss`, and the ends of its interval, which a single image has not."""
        losses = gather_in_order(self._losses)
        figures = {"loss": sum(losses) / len(losses)}
        if len(losses) > 1:
            interval = student_t_interval(losses, over="validation images")
            figures |= {"loss_low": interval.low, "loss_high": interval.high}
        return figures
