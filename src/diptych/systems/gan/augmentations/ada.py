"""Augmentation as strong as the discriminator overfits (ADA, Karras et al. 2020, arXiv:2006.06676).

Overfitting shows in r = E[sign(D(x))] over real training images: near 1, the discriminator knows them all. Every
`interval_images` images, the probability p of each operation moves towards more augmentation where r is above `target`,
and towards less where it is below, by as much as takes it from 0 to 1 in `speed_images` images.

Deviations: operations are those that keep sentences true, as far as they do, and not the article's 18; their numbers
are uniform, because normal ones have no bound; p never leaves [0, 1].
"""

from collections.abc import Collection, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from diptych.systems.devices import sum_over_devices
from diptych.systems.gan.augmentations.base import Augmentation, Composition, Numbers
from diptych.types import Images, Logits


class ADA(Composition):
    """Each of the `operations`, in their order, with the probability p for each image by itself.

    p and what is counted for its next change are buffers, in images: part of every checkpoint, and alike on all
    devices. `initial_p` is where p begins. An objective whose logits have no zero ("logit_sign") has no r.
    """

    needs: ClassVar[tuple[str, ...]] = ("logit_sign",)
    p_images: Tensor
    sum_of_signs: Tensor
    num_signs: Tensor

    def __init__(
        self,
        *,
        operations: Mapping[str, Augmentation],
        target: float = 0.6,
        speed_images: int = 500_000,
        interval_images: int = 256,
        initial_p: float = 0.0,
        may_break: Collection[str] = (),
    ) -> None:
        super().__init__(operations.values(), may_break=may_break)
        if speed_images < 1 or interval_images < 1:
            raise ValueError(
                f"speed_images={speed_images} and interval_images={interval_images}: give 1 or more images"
            )
        if not (-1 < target < 1 and 0 <= initial_p <= 1):
            raise ValueError(
                f"target={target} and initial_p={initial_p}: a target is in (-1, 1), a probability in [0, 1]"
            )
        self.target, self.speed_images, self.interval_images = target, speed_images, interval_images
        for name, value in (("p_images", round(initial_p * speed_images)), ("sum_of_signs", 0), ("num_signs", 0)):
            self.register_buffer(name, torch.tensor(value))

    @property
    def p(self) -> Tensor:
        """The probability of each operation, now."""
        return self.p_images / self.speed_images

    def sizes(self, shape: torch.Size) -> list[int]:
        return [1 + size for size in super().sizes(shape)]

    def applied(self, operation: nn.Module, images: Images, numbers: Numbers, images_seen: int) -> Images:
        changed = operation(images, numbers[:, 1:], images_seen)
        return torch.where((numbers[:, 0] < self.p)[:, None, None, None], changed, images)

    @torch.no_grad()
    def observe(self, real_logits: Logits, boundary: float) -> None:
        signs = (real_logits.detach() - boundary).sign().sum()
        total = sum_over_devices(torch.stack([signs, torch.full_like(signs, len(real_logits))])).long()
        self.sum_of_signs += total[0]
        self.num_signs += total[1]
        is_due = self.num_signs >= self.interval_images
        direction = (self.sum_of_signs - self.target * self.num_signs).sign().long()
        moved = (self.p_images + direction * self.num_signs).clamp(0, self.speed_images)
        self.p_images.copy_(torch.where(is_due, moved, self.p_images))
        self.sum_of_signs *= ~is_due
        self.num_signs *= ~is_due

    def figures(self) -> dict[str, Tensor]:
        return {"ada_p": self.p.float()}
