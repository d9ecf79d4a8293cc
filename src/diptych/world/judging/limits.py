"""Where a legible picture ends: the judge's limits, one set a canvas, and the calibration they come from.

`judge.json` beside this file is written by `python -m benchmarks.judge_calibration`: limits set on some pictures, and
how often the judge is right under each nuisance on others. Limits of a canvas that was not calibrated are those of the
nearest.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

JUDGE_VERSION = 3
"""Changes whenever a picture may be read or judged differently; figures of different versions are not compared."""

CALIBRATION_FILE = "judge.json"


@dataclass(frozen=True, slots=True)
class Limits:
    """Margins and contrast that each object of a legible picture has at least, and its residual at most."""

    shape_margin: float = 0.5
    colour_margin: float = 0.5
    size_margin: float = 0.5
    contrast: float = 0.6
    residual: float = 0.4


def limits_for(side: int) -> Limits:
    """The limits for pictures of this many pixels a side."""
    calibrated = {int(name): entry["limits"] for name, entry in calibration()["sides"].items()}
    nearest = min(calibrated, key=lambda known: (abs(known - side), known))
    return Limits(**calibrated[nearest])


@cache
def calibration() -> dict[str, Any]:
    """The shipped calibration as plain values; `docs/judge.md` shows it."""
    return json.loads((resources.files("diptych.world.judging") / CALIBRATION_FILE).read_text(encoding="utf-8"))
