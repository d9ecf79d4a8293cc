"""The judge: whether a picture is what a sentence says.

Analysis by synthesis: a picture is read as the scene whose rendering leaves least of it over, with blur, contrast
and a slight cast of the background as nuisances; then the scene is held against the sentence. The judge has no
weights and is never a loss. How often it is right under every nuisance is shipped with it (`limits.calibration`), and
how often about fresh pictures, `judge_accuracy`, belongs beside every figure of truth.
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
    """Whether a picture is what a sentence says, strictly: for certain, and legibly.

    `reason` is "true" or the first of `REASONS` why it is not; `matches` asks only whether what was most probably
    read is what the sentence says, however badly it is generated.
    """

    true: bool
    reason: str
    matches: bool


class Judge:
    """Reads pictures of a world. All shapes, colours and sizes are considered, even those its spec leaves out.

    In a closed world nothing may be there that a complete sentence does not mention; an open one only asks that what
    is said holds. Sentences that leave something out, or mention fewer objects than every picture of the world has,
    are always taken as open. `limits` says what is legible; None takes the calibrated ones.
    """

    def __init__(self, spec: WorldSpec, closed: bool = True, limits: Limits | None = None) -> None:
        self.spec = spec
        self.closed = closed
        self.limits = limits or limits_for(spec.side)

    def read(self, images: Float[Tensor, "b 3 side side"]) -> list[Reading]:
        """What each picture shows; pictures are in [-1, 1] and of the world's side."""
        if images.shape[1:] != (3, self.spec.side, self.spec.side):
            raise ValueError(
                f"judge: got pictures of {tuple(images.shape[1:])}; the world's are (3, {self.spec.side}, "
                f"{self.spec.side}): resize them or set world.side."
            )
        parts = images.detach().float().nan_to_num().clamp(-1, 1).split(max(1, PIXELS_AT_ONCE // self.spec.side**2))
        with torch.autocast(images.device.type, enabled=False):
            return [reading for part in parts for reading in read_pictures(part, self.limits)]

    def is_closed(self, constraints: Constraints) -> bool:
        """Whether a picture may show nothing but what the sentence says."""
        return self.closed and constraints.is_complete() and constraints.num_objects >= self.spec.min_objects

    def verdict(self, reading: Reading, constraints: Constraints) -> Verdict:
        """Whether a picture so read is what a sentence so understood says."""
        comparison = constraints.compare(reading.scene, self.is_closed(constraints))
        wrong = next((aspect for aspect in ASPECTS if getattr(comparison, aspect) < 1), None)
        reason = _hindrance(reading) or wrong or "true"
        return Verdict(reason == "true", reason, wrong is None)

    def verdicts(self, images: Float[Tensor, "b 3 side side"], constraints: Sequence[Constraints]) -> list[Verdict]:
        """One verdict a picture."""
        return [self.verdict(*pair) for pair in zip(self.read(images), constraints, strict=True)]


def judge_accuracy(spec: WorldSpec, num: int = 1000, seed: int = 0, blur: float = 0.0) -> float:
    """Fraction of fresh scenes about which `judge_fresh` is right."""
    return sum(judge_fresh(spec, num, seed, blur)[1]) / num


def judge_fresh(spec: WorldSpec, num: int, seed: int, blur: float = 0.0) -> tuple[list[Scene], list[bool]]:
    """Fresh scenes, and whether the picture of each is judged true of its complete description.

    `blur` is the standard deviation in pixels of a Gaussian blur that is laid over the pictures first.
    """
    rng = Random(seed)
    scenes = [sample_scene(spec, rng) for _ in range(num)]
    images = render(scenes)
    if blur:
        images = blurred(images, blur)
    verdicts = Judge(spec).verdicts(images, [describe_fully(scene, rng) for scene in scenes])
    return scenes, [verdict.true for verdict in verdicts]


def _hindrance(reading: Reading) -> str | None:
    """Why nothing can be said for certain about what a picture shows."""
    if not reading.is_legible:
        return reading.legibility
    return "ambiguous" if reading.is_ambiguous else None
