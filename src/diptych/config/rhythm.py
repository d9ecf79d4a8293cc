"""How often something happens in a run of any length: `${within_budget:MOST,${budget_images}}`."""

import math
import re
from collections.abc import Mapping
from typing import Any

from diptych.config.derived import DERIVED

TIMES = 5
NAME = "within_budget"
_MOST = re.compile(rf"\$\{{{NAME}:([\d_]+),")


def within_budget(most_images: int, budget_images: int) -> int:
    """An interval of `most_images`, or of a fifth of the budget where that is shorter."""
    return max(1, min(most_images, budget_images // TIMES))


def batches_between_validations(every_images: int, budget_images: int, images_per_batch: int) -> int:
    """The whole number of batches nearest to the interval, but few enough for the validations that it promises."""
    nearest = max(1, round(every_images / max(1, images_per_batch)))
    num_batches = math.ceil(budget_images / max(1, images_per_batch))
    promises = TIMES * every_images <= budget_images
    return max(1, num_batches // TIMES) if promises and math.ceil(num_batches / nearest) < TIMES else nearest


def shortened(config: Mapping[str, Any]) -> str:
    """Which intervals of a resolved configuration are shorter for its budget's sake, in words; "" if none."""
    budget = config["budget_images"]
    following = {path: _MOST.match(text) for path, text in config.get(DERIVED, {}).items()}
    fifth = within_budget(budget, budget)
    short = [f"{path}={fifth:,}" for path, most in following.items() if most and fifth < int(most[1].replace("_", ""))]
    if not short:
        return ""
    return f"{' and '.join(short)}: a fifth of budget_images={budget:,}, because the run is short"


def too_seldom(config: Mapping[str, Any]) -> str:
    """What to say of validations that a budget is too short for; "" otherwise."""
    every, budget = config["validate_every_images"], config["budget_images"]
    if every <= budget:
        return ""
    return (
        f"validate_every_images={every:,}: budget_images={budget:,} ends before, so the run validates at its end only; "
        f"five validations need validate_every_images={within_budget(budget, budget)}"
    )
