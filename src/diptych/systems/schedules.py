"""Learning rates over time: the factor of the initial learning rate after so many images."""

import math
from dataclasses import dataclass
from typing import Protocol


class Schedule(Protocol):
    """A pure function of progress, so that a resumed run needs no state to go on."""

    def __call__(self, images_seen: int) -> float:
        """The factor, 1 for the learning rate as configured."""
        ...


@dataclass(frozen=True)
class Constant:
    """1, after a straight rise over the first `warmup_images`."""

    warmup_images: int = 0

    def __post_init__(self) -> None:
        if self.warmup_images < 0:
            raise ValueError(f"schedule.warmup_images={self.warmup_images}: give a warm-up from 0 images")

    def __call__(self, images_seen: int) -> float:
        return min(1.0, images_seen / self.warmup_images) if self.warmup_images else 1.0


@dataclass(frozen=True)
class Linear:
    """Straight down from 1 to `final` at `total_images`, after a straight rise over the first `warmup_images`."""

    total_images: int
    warmup_images: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        _check(self.total_images, self.warmup_images)

    def __call__(self, images_seen: int) -> float:
        rise, progress = _stages(images_seen, self.warmup_images, self.total_images)
        return rise * (1 + (self.final - 1) * progress)


@dataclass(frozen=True)
class Cosine:
    """Half a cosine wave from 1 to `final` at `total_images`, after a straight rise over `warmup_images`."""

    total_images: int
    warmup_images: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        _check(self.total_images, self.warmup_images)

    def __call__(self, images_seen: int) -> float:
        rise, progress = _stages(images_seen, self.warmup_images, self.total_images)
        return rise * (self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2)


@dataclass(frozen=True)
class Trapezoid:
    """A straight rise, then 1 until the last `decay_images` before `total_images`, then straight down to `final`."""

    total_images: int
    decay_images: int
    warmup_images: int = 0
    final: float = 0.0

    def __post_init__(self) -> None:
        _check(self.total_images, self.warmup_images)
        if self.decay_images < 1:
            raise ValueError(f"schedule.decay_images={self.decay_images}: give 1 or more images, or choose no schedule")

    def __call__(self, images_seen: int) -> float:
        rise, _ = _stages(images_seen, self.warmup_images, self.total_images)
        left = min(1.0, max(0, self.total_images - images_seen) / self.decay_images)
        return rise * (self.final + (1 - self.final) * left)


def _check(total_images: int, warmup_images: int) -> None:
    if total_images < 1 or warmup_images < 0:
        raise ValueError(
            f"schedule.total_images={total_images} and schedule.warmup_images={warmup_images}: give an end from 1, "
            "and a warm-up from 0 images"
        )


def _stages(images_seen: int, warmup_images: int, total_images: int) -> tuple[float, float]:
    """How much of the warm-up and of the rest is done, each from 0 to 1."""
    rise = min(1.0, images_seen / warmup_images) if warmup_images else 1.0
    rest = max(1, total_images - warmup_images)
    return rise, min(1.0, max(0, images_seen - warmup_images) / rest)
