"""The judge's limits of legibility, one set per canvas side, and their calibration.

`python -m benchmarks.judge_calibration` writes `judge.json` beside this file: limits set on some pictures, and the
judge's accuracy under each nuisance on others. A canvas without calibration takes the limits of the nearest side.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

JUDGE_VERSION = 3
"""Changes whenever a reading or verdict may change; figures of different versions are not comparable."""

CALIBRATION_FILE = "judge.json"


@dataclass(frozen=True, slots=True)
class Limits:
    """The minimum margins and contrast of each object of a legible picture, and its maximum residual."""

    shape_margin: float = 0.5
    colour_margin: float = 0.5
    size_margin: float = 0.5
    contrast: float = 0.6
    residual: float = 0.4


def limits_for(side: int) -> Limits:
    """The limits for pictures of `side` pixels."""
    calibrated = {int(name): entry["limits"] for name, entry in calibration()["sides"].items()}
    nearest = min(calibrated, key=lambda known: (abs(known - side), known))
    return Limits(**calibrated[nearest])


@cache
def calibration() -> dict[str, Any]:
    """The shipped calibration as plain values; `docs/judge.md` shows it."""
    return json.loads((resources.files("diptych.world.judging") / CALIBRATION_FILE).read_text(encoding="utf-8"))
