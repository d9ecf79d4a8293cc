"""The judge: a rule-based parser that recovers the scene of a picture and compares it with a sentence.

Analysis by synthesis: a picture is read as the scene whose rendering has the smallest residual, with blur, contrast and
a slight colour cast of the background as nuisances; then the scene is compared with the sentence. The judge has no
weights and is never a loss. Its accuracy under every nuisance ships with it (`limits.calibration`); its accuracy on
fresh pictures, `judge_accuracy`, belongs beside every scene accuracy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import Scene
from diptych.world.constraints import Constraints
from diptych.world.description import describe_fully
from diptych.world.judging.limits import Limits, limits_for
from diptych.world.judging.readings import Reading, read_pictures
from diptych.world.perturbations import blurred
from diptych.world.renderer import render
from diptych.world.sampling import sample_scene
from diptych.world.spec import WorldSpec

PIXELS_AT_ONCE = 64 * 32 * 32

ASPECTS = ("count", "shape", "colour", "size", "relation")
REASONS = ("true", "blank", "off_grammar", "ambiguous", *ASPECTS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture matches a sentence; `true` also requires that it is legible and unambiguous.

    `reason` is "true" or the first of `REASONS` against it. `matches` is whether the most probable scene matches the
    sentence, however badly it is generated.
    """

    true: bool
    reason: str
    matches: bool


class Judge:
    """Reads pictures of a world. It considers all shapes, colours and sizes, even those outside the spec.

    In a closed world, a picture must not show anything that a complete sentence does not mention; in an open one, the
    claims must hold. Partial sentences, and those with fewer objects than every picture of the world, always count as
    open. `limits` define legibility; None means the calibrated ones.
    """

    def __init__(self, spec: WorldSpec, closed: bool = True, limits: Limits | None = None) -> None:
        self.spec = spec
        self.closed = closed
        self.limits = limits or limits_for(spec.side)

    def read(self, images: Float[Tensor, "b 3 side side"]) -> list[Reading]:
        """The reading of each picture; pictures are in [-1, 1] and have the world's side."""
        if images.shape[1:] != (3, self.spec.side, self.spec.side):
            raise ValueError(
                f"judge: got pictures of {tuple(images.shape[1:])}; the world's are (3, {self.spec.side}, "
                f"{self.spec.side}): resize them or set world.side."
            )
        parts = images.detach().float().nan_to_num().clamp(-1, 1).split(max(1, PIXELS_AT_ONCE // self.spec.side**2))
        with torch.autocast(images.device.type, enabled=False):
            return [reading for part in parts for reading in read_pictures(part, self.limits)]

    def is_closed(self, constraints: Constraints) -> bool:
        """Whether a picture may show nothing else than the sentence says."""
        return self.closed and constraints.is_complete() and constraints.num_objects >= self.spec.min_objects

    def verdict(self, reading: Reading, constraints: Constraints) -> Verdict:
        """Whether a reading matches the claims of a sentence."""
        comparison = constraints.compare(reading.scene, self.is_closed(constraints))
        wrong = next((aspect for aspect in ASPECTS if getattr(comparison, aspect) < 1), None)
        reason = _hindrance(reading) or wrong or "true"
        return Verdict(reason == "true", reason, wrong is None)

    def verdicts(self, images: Float[Tensor, "b 3 side side"], constraints: Sequence[Constraints]) -> list[Verdict]:
        """One verdict per picture."""
        return [self.verdict(*pair) for pair in zip(self.read(images), constraints, strict=True)]


def judge_accuracy(spec: WorldSpec, num: int = 1000, seed: int = 0, blur: float = 0.0) -> float:
    """The fraction of fresh scenes that `judge_fresh` judges correctly."""
    return sum(judge_fresh(spec, num, seed, blur)[1]) / num


def judge_fresh(spec: WorldSpec, num: int, seed: int, blur: float = 0.0) -> tuple[list[Scene], list[bool]]:
    """Fresh scenes, and whether each picture is judged true of its complete description.

    `blur` is the standard deviation in pixels of a Gaussian blur of the pictures.
    """
    rng = Random(seed)
    scenes = [sample_scene(spec, rng) for _ in range(num)]
    images = render(scenes)
    if blur:
        images = blurred(images, blur)
    verdicts = Judge(spec).verdicts(images, [describe_fully(scene, rng) for scene in scenes])
    return scenes, [verdict.true for verdict in verdicts]


def _hindrance(reading: Reading) -> str | None:
    """The reason why a reading is not certain, if any."""
    if not reading.is_legible:
        return reading.legibility
    return "ambiguous" if reading.is_ambiguous else None
