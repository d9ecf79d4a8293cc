"""Set the judge's limits half-way between pictures that must pass and pictures that must not.

Fresh renders under every single nuisance of the allowed range must pass: each limit may refuse one in 500 under the
worst of them. The off-grammar kind of each limit must not pass, at its median. The pictures are not those of the
reported accuracy.
"""

from collections.abc import Callable, Sequence
from random import Random

import torch

from diptych.world.judging.judge import Judge
from diptych.world.judging.limits import Limits
from diptych.world.judging.readings import Reading
from diptych.world.renderer import render

from .measure import fresh_scenes
from .nuisances import LOSSLESS, SINGLE
from .off_grammar import BATTERY

REFUSED_SHARE = 0.002

Statistic = Callable[[Reading], float]

LEAST: dict[str, Statistic] = {
    "shape_margin": lambda reading: min(e.shape_margin for e in reading.evidence),
    "colour_margin": lambda reading: min(e.colour_margin for e in reading.evidence),
    "size_margin": lambda reading: min(e.size_margin for e in reading.evidence),
    "contrast": lambda reading: min(e.contrast for e in reading.evidence),
}
"""What the weakest object of a legible picture has at least."""

MEANT_FOR = {
    "shape_margin": "morph of two shapes",
    "colour_margin": "mix of two colours",
    "size_margin": "between two sizes",
    "contrast": "faded to a half",
    "residual": "half an object",
}


def tuned_limits(judge: Judge, num: int, seed: int) -> Limits:
    """Limits for the judge's canvas, from `num` pictures of each kind."""
    scenes = [scene for part in fresh_scenes(judge, num, seed) for scene in part]
    images, noise = render(scenes), torch.Generator().manual_seed(seed)
    passing = [_with_objects(judge.read(nuisance.apply(images, noise))) for nuisance in (*LOSSLESS, *SINGLE)]
    failing = {
        key: _with_objects(judge.read(BATTERY[kind](scenes, Random(seed)).clamp(-1, 1)))
        for key, kind in MEANT_FOR.items()
    }
    limits = {
        key: (min(_quantile(r, of, REFUSED_SHARE) for r in passing) + _quantile(failing[key], of, 0.5)) / 2
        for key, of in LEAST.items()
    }
    most = max(_quantile(readings, _residual, 1 - REFUSED_SHARE) for readings in passing)
    limits["residual"] = (most + _quantile(failing["residual"], _residual, 0.5)) / 2
    return Limits(**{key: round(value, 3) for key, value in limits.items()})


def _residual(reading: Reading) -> float:
    return reading.residual


def _with_objects(readings: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.evidence]


def _quantile(readings: Sequence[Reading], of: Statistic, share: float) -> float:
    return float(torch.tensor([of(reading) for reading in readings], dtype=torch.float64).quantile(share))
