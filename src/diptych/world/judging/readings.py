"""Readings: the symbols of a picture, with the evidence for each object and for the whole picture.

Even the best of finitely many scenes may fit badly, so a picture must also be legible: clearly nearer to its shapes and
colours than to any other, with good contrast and nothing else in it. Legibility and correctness are independent: a
blurred, noisy picture is degraded and can still be read with certainty.
"""

from dataclasses import dataclass
from math import log, pi
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world.judging.interpretation import Interpretation, interpret
from diptych.world.judging.limits import Limits
from diptych.world.spec import PALETTE, RADII_AT_32, SHAPES, SIZE_THRESHOLD_AT_32

Legibility = Literal["clean", "degraded", "off_grammar", "blank"]

LEAST_RADIUS, MOST_RADIUS = 0.85 * RADII_AT_32["small"][0], 1.15 * RADII_AT_32["large"][1]
"""Outside this range, at 32 px, an object has no size of the world: half an object reads as one that is too small."""

LEAST_LOG_ODDS = log(20)
"""A reading is ambiguous if another shape, colour or size of an object is more likely than 1 in 20."""

LEAST_NOISE = 0.05
"""The minimum standard deviation of noise (pixels in [0, 1]) that log-odds assume."""

MOST_CLEAN_BLUR, MOST_CLEAN_NOISE, LEAST_CLEAN_CONTRAST = 0.6, 0.03, 0.9
"""Beyond these (pixels, pixels in [0, 1], share of full colour) a legible picture is degraded."""

BLANK_RESIDUAL = 0.25
MOST_CAST = 0.15
MOST_OBJECTS = 6
NORMAL_QUARTILE = 0.6745


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence for one object of a reading.

    `confidence` is the share of the object's energy that it explains. Margins are 1 if the picture is exactly as
    rendered and 0 half-way to the next best shape, colour or size; `contrast` is 1 at full colour; `blur` is a standard
    deviation in pixels. Log-odds are against the best other shape, colour and size, under the picture's noise.
    """

    confidence: float
    contrast: float
    blur: float
    shape_margin: float
    colour_margin: float
    size_margin: float
    shape_log_odds: float
    colour_log_odds: float
    size_log_odds: float

    @property
    def log_odds(self) -> float:
        """Log-odds against the best other kind of object."""
        return min(self.shape_log_odds, self.colour_log_odds, self.size_log_odds)


@dataclass(frozen=True, slots=True)
class Reading:
    """The scene read from a picture, with the evidence for each object.

    `residual` is the root mean square of the residual (pixels in [-1, 1]) in the worst window of about a tenth of the
    side; `noise` is the standard deviation of each value, pixels in [0, 1]. A picture without objects is blank if it is
    grey, and off the grammar otherwise.
    """

    scene: Scene
    evidence: tuple[Evidence, ...]
    residual: float
    noise: float
    legibility: Legibility

    @property
    def is_legible(self) -> bool:
        """Whether the picture is a scene of the world, not in between, faded, cut or cluttered."""
        return self.legibility in ("clean", "degraded")

    @property
    def is_ambiguous(self) -> bool:
        """Whether another reading is about as likely."""
        return any(evidence.log_odds < LEAST_LOG_ODDS for evidence in self.evidence)


def read_pictures(images: Float[Tensor, "b 3 side side"], limits: Limits) -> list[Reading]:
    """The most probable scene of each picture, on a background that may be slightly off grey."""
    background = _median(images).clamp(-MOST_CAST, MOST_CAST)
    interpretation = interpret(images - background[:, :, None, None], MOST_OBJECTS)
    noise = _noise(interpretation.rest)
    objects: list[list[tuple[SceneObject, Evidence]]] = [[] for _ in images]
    things = zip(_objects(interpretation), _evidence(interpretation, noise), strict=True)
    for image, pair in zip(interpretation.image.tolist(), things, strict=True):
        objects[image].append(pair)
    totals = zip(objects, _worst_residual(interpretation.rest).tolist(), noise.tolist(), strict=True)
    return [_reading(images.shape[-1], pairs, residual, noise, limits) for pairs, residual, noise in totals]


def _reading(
    side: int, pairs: list[tuple[SceneObject, Evidence]], residual: float, noise: float, limits: Limits
) -> Reading:
    scene, evidence = Scene(side, tuple(o for o, _ in pairs)), tuple(e for _, e in pairs)
    return Reading(scene, evidence, residual, noise, _legibility(scene, evidence, residual, noise, limits))


def _legibility(
    scene: Scene, evidence: tuple[Evidence, ...], residual: float, noise: float, limits: Limits
) -> Legibility:
    if not evidence:
        return "blank" if residual < BLANK_RESIDUAL else "off_grammar"
    scale = scene.side / 32
    sizes_exist = all(LEAST_RADIUS * scale <= thing.radius <= MOST_RADIUS * scale for thing in scene.objects)
    if residual > limits.residual or not sizes_exist or not all(_is_clear(e, limits) for e in evidence):
        return "off_grammar"
    blur, contrast = max(e.blur for e in evidence), min(e.contrast for e in evidence)
    clean = blur <= MOST_CLEAN_BLUR and noise <= MOST_CLEAN_NOISE and contrast >= LEAST_CLEAN_CONTRAST
    return "clean" if clean else "degraded"


def _is_clear(evidence: Evidence, limits: Limits) -> bool:
    return (
        evidence.shape_margin >= limits.shape_margin
        and evidence.colour_margin >= limits.colour_margin
        and evidence.size_margin >= limits.size_margin
        and evidence.contrast >= limits.contrast
    )


def _median(images: Float[Tensor, "b 3 side side"]) -> Float[Tensor, "b 3"]:
    """The median by sorting, which unlike `median` is deterministic on every device."""
    pixels = images.flatten(2).sort(dim=2).values
    return pixels[:, :, pixels.shape[2] // 2]


def _objects(found: Interpretation) -> list[SceneObject]:
    palette = torch.tensor(list(PALETTE.values()), device=found.colour.device)
    colours = (found.colour @ palette.T).argmax(dim=1).tolist()
    names, side = tuple(PALETTE), found.rest.shape[-1]
    rows = zip(found.shape.tolist(), colours, found.params.tolist(), strict=True)
    return [
        SceneObject(SHAPES[s], names[c], "small" if r * 32 / side < SIZE_THRESHOLD_AT_32 else "large", x, y, r)
        for s, c, (x, y, r, _) in rows
    ]


def _evidence(found: Interpretation, noise: Float[Tensor, " b"]) -> list[Evidence]:
    strength = found.colour.abs()
    contrast, weakest = strength.mean(dim=1), strength.amin(dim=1)
    other_colour = 4 * contrast * weakest * found.mass
    doubt = 2 * (2 * noise[found.image].clamp(min=LEAST_NOISE)).square()
    values = (
        1 - found.error / found.energy.clamp(min=1e-6),
        contrast,
        found.params[:, 3].sqrt(),
        (found.behind / found.difference.clamp(min=1e-6)).amin(dim=1).clamp(max=1),
        weakest / strength.amax(dim=1).clamp(min=1e-6),
        _size_margin(found),
        found.behind.amin(dim=1) / doubt,
        other_colour / doubt,
        _other_size(found) / doubt,
    )
    return [Evidence(*row) for row in torch.stack(values, dim=1).tolist()]


def _size_margin(found: Interpretation) -> Float[Tensor, " n"]:
    """The distance of the radius from the border between the sizes; 1 at the nearest radius of objects."""
    radius = found.params[:, 2] * 32 / found.rest.shape[-1]
    farthest = (RADII_AT_32["large"][0] - RADII_AT_32["small"][1]) / 2
    return ((radius - SIZE_THRESHOLD_AT_32).abs() / farthest).clamp(max=1)


def _other_size(found: Interpretation) -> Float[Tensor, " n"]:
    """The squared error of the nearest radius with another size, estimated from the circumference of a disc."""
    radius = found.params[:, 2]
    away = radius - SIZE_THRESHOLD_AT_32 * found.rest.shape[-1] / 32
    return found.colour.square().sum(dim=1) * 2 * pi * radius * away.square()


def _noise(rest: Float[Tensor, "b 3 side side"]) -> Float[Tensor, " b"]:
    """The standard deviation of white noise, pixels in [0, 1], from the median of absolute second differences."""
    rows = rest[..., 1:, :] - rest[..., :-1, :]
    differences = (rows[..., 1:] - rows[..., :-1]).flatten(1).abs().sort(dim=1).values
    return differences[:, differences.shape[1] // 2] / (NORMAL_QUARTILE * 2 * 2)


def _worst_residual(rest: Float[Tensor, "b 3 side side"]) -> Float[Tensor, " b"]:
    """The root mean square of the residual in the worst square window, 3 pixels wide at a side of 32."""
    window = 2 * round(rest.shape[-1] / 32) + 1
    mean = F.avg_pool2d(F.pad(rest, [window // 2] * 4), window, stride=1)
    return mean.square().mean(dim=1).amax(dim=(1, 2)).sqrt()
