"""Whether a schedule of learning rates fits the images that are left of a budget.

A schedule is any function from images to a factor. It is looked at in a hundred places from here to the budget's end.
"""

from collections.abc import Callable
from typing import Any

PLACES = 100
FEWEST = 3
"""With fewer places there is no rest to speak of, as with the budget of `debug=one_step`."""


def check_something_is_learned(schedule: Callable[[int], float] | None, budget_images: int) -> None:
    """Refuse a new run whose learning rates are 0 all along."""
    if schedule is not None and not any(map(schedule, _places(0, budget_images))):
        raise ValueError(
            f"schedule: all learning rates are 0 up to budget_images={budget_images:,}{_fix(schedule, budget_images)}"
        )


def misfit(schedule: Callable[[int], float] | None, images_seen: int, budget_images: int) -> str:
    """What a person would want to know of the rest of the run; "" where the schedule fits."""
    places = _places(images_seen, budget_images)
    if schedule is None or len(places) < FEWEST:
        return ""
    factors = [schedule(images) for images in places]
    zeros = _trailing_zeros(places, factors)
    if len(zeros) > 1:
        said = f"schedule: learning rates are 0 from {zeros[0]:,} images on, and budget_images={budget_images:,}"
        return said + _fix(schedule, budget_images)
    if factors[-1] == max(factors) < 1 and factors[-1] > factors[-2]:
        return (
            f"schedule: learning rates still rise when budget_images={budget_images:,} ends, at {factors[-1]:.2g} of "
            "what is configured: reduce schedule.warmup_images, or increase budget_images"
        )
    return ""


def _places(start: int, end: int) -> list[int]:
    return sorted({start + (end - start) * place // PLACES for place in range(PLACES + 1)})


def _trailing_zeros(places: list[int], factors: list[float]) -> list[int]:
    last = max((number for number, factor in enumerate(factors) if factor), default=-1)
    return places[last + 1 :]


def _fix(schedule: Any, budget_images: int) -> str:
    """The key to set, for a schedule that has an end."""
    end = getattr(schedule, "total_images", None)
    if end is None:
        return ""
    return f". schedule.total_images={end:,} does not follow the budget: set schedule.total_images={budget_images}"
