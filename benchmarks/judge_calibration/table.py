"""The whole calibration as plain values, ready for JSON: limits first, then every count under these limits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from diptych.types import Track
from diptych.world.judging.judge import Judge
from diptych.world.judging.limits import JUDGE_VERSION
from diptych.world.spec import SMALLEST_SIDE_OF_MANY, WorldSpec

from .information import error_floor
from .measure import Count, fresh_scenes, minimal_pairs, off_grammar, under
from .nuisances import COMBINED, LOSSLESS, SINGLE, Nuisance
from .off_grammar import BATTERY
from .tuning import tuned_limits

SCENES_FOR_THE_FLOOR = 200
FULL_SIDES = (32, 64)
"""Canvases with all measurements; larger ones have only those of harmless nuisances."""

TUNING_SEED_OFFSET = 1_000_003


@dataclass(frozen=True)
class CalibrationSize:
    """The numbers of pictures per condition, per off-grammar kind and minimal pair, and for the limits."""

    num: int = 10_000
    num_off_grammar: int = 2_000
    num_tuning: int = 500
    seed: int = 1


def world_of(side: int) -> WorldSpec:
    """The largest world on a canvas, from one object on."""
    return WorldSpec(min_objects=1, max_objects=4 if side >= SMALLEST_SIDE_OF_MANY else 2, side=side)


def calibrate(sides: Sequence[int], size: CalibrationSize, track: Track) -> dict[str, Any]:
    """The calibration on each canvas."""
    entries = {str(side): _of_side(side, size, track) for side in sides}
    return {"judge": JUDGE_VERSION, **asdict(size), "sides": entries}


def _of_side(side: int, size: CalibrationSize, track: Track) -> dict[str, Any]:
    spec = world_of(side)
    limits = tuned_limits(Judge(spec), size.num_tuning, size.seed + TUNING_SEED_OFFSET)
    judge = Judge(spec, limits=limits)
    full = side in FULL_SIDES
    conditions = (*LOSSLESS, *SINGLE, *COMBINED) if full else LOSSLESS
    entry: dict[str, Any] = {"limits": asdict(limits), "world": spec.to_dict()}
    entry["conditions"] = [
        _row(judge, nuisance, size) for nuisance in track(conditions, description=f"{side} px", total=len(conditions))
    ]
    if full:
        kinds = track(BATTERY, description=f"{side} px, no scenes", total=len(BATTERY))
        entry["off_grammar"] = {
            kind: _flagged(off_grammar(judge, kind, size.num_off_grammar, size.seed)) for kind in kinds
        }
    entry["minimal_pairs"] = minimal_pairs(judge, size.num_off_grammar, size.seed)
    return entry


def _row(judge: Judge, nuisance: Nuisance, size: CalibrationSize) -> dict[str, Any]:
    floor = 0.0
    if nuisance.noise:
        scenes = next(fresh_scenes(judge, min(size.num, SCENES_FOR_THE_FLOOR), size.seed))
        floor = error_floor(scenes, nuisance)
    count = under(judge, nuisance, size.num, size.seed)
    return {"name": nuisance.name, **asdict(nuisance), **asdict(count), "least_error": round(floor, 5)}


def _flagged(count: Count) -> dict[str, int]:
    return {"num": count.num, "off_grammar": count.off_grammar, "ambiguous": count.ambiguous}
