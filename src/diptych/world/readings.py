"""Readings: a picture in symbols, with the evidence for each object and for the picture as a whole.

The best of finitely many scenes is always only the best, so a reading must also be legible: clearly nearer to its
shapes and colours than to any other, of good contrast, and with nothing else in the picture.
"""

from dataclasses import dataclass
from math import pi

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world.interpretation import Interpretation, interpret
from diptych.world.spec import PALETTE, RADII_AT_32, SHAPES, SIZE_THRESHOLD_AT_32

LEAST_SHAPE_MARGIN = 0.5  # three quarters of the way from the next best shape; a 50 % morph has 0
LEAST_COLOUR_MARGIN = 0.5  # the weakest channel over the strongest; a mixture of two colours has 0
LEAST_CONTRAST = 0.6  # half-faded objects have 0.5
MOST_RESIDUAL = 0.4  # pictures bent by half a pixel have up to 0.35, a stray spot of 3 x 3 pixels 1
LEAST_RADIUS, MOST_RADIUS = 0.85 * RADII_AT_32["small"][0], 1.15 * RADII_AT_32["large"][1]
"""Beyond these, at 32 px, a thing has no size of the world: half an object reads as a whole one that is too small."""

BLANK_RESIDUAL = 0.25
MOST_CAST = 0.15
NOISE = 0.1
"""Standard deviation of a pixel's noise that log-odds assume."""

MOST_OBJECTS = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one object of a reading.

    `confidence` is the share of the object's energy that it explains. Margins are 1 where the picture is exactly as
    rendered and 0 half-way to the next best shape or colour; `contrast` is 1 at full colour. Log-odds are against
    the best other shape, colour and size.
    """

    confidence: float
    contrast: float
    shape_margin: float
    colour_margin: float
    shape_log_odds: float
    colour_log_odds: float
    size_log_odds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The scene read from a picture, with its evidence object by object.

    `residual` is the root mean square of what the scene leaves over, in the worst window of about a tenth of the
    side. A picture without objects is blank if it is grey, and illegible otherwise.
    """

    scene: Scene
    evidence: tuple[Evidence, ...]
    residual: float

    @property
    def is_blank(self) -> bool:
        """Whether nothing is there."""
        return not self.scene.objects and self.residual < BLANK_RESIDUAL

    @property
    def is_legible(self) -> bool:
        """Whether the picture is a scene of the world and not something between, faded, cut or cluttered."""
        scale = self.scene.side / 32
        sizes_exist = all(LEAST_RADIUS * scale <= thing.radius <= MOST_RADIUS * scale for thing in self.scene.objects)
        clear = all(
            e.shape_margin >= LEAST_SHAPE_MARGIN
            and e.colour_margin >= LEAST_COLOUR_MARGIN
            and e.contrast >= LEAST_CONTRAST
            for e in self.evidence
        )
        return bool(self.scene.objects) and self.residual <= MOST_RESIDUAL and sizes_exist and clear


def read_pictures(images: Float[Tensor, "b 3 side side"]) -> list[Reading]:
    """The most probable scene of each picture, found with a background that may be slightly off grey."""
    background = _median(images).clamp(-MOST_CAST, MOST_CAST)
    interpretation = interpret(images - background[:, :, None, None], MOST_OBJECTS)
    objects: list[list[tuple[SceneObject, Evidence]]] = [[] for _ in images]
    things = zip(_objects(interpretation), _evidence(interpretation), strict=True)
    for image, pair in zip(interpretation.image.tolist(), things, strict=True):
        objects[image].append(pair)
    side = images.shape[-1]
    return [
        Reading(Scene(side, tuple(o for o, _ in pairs)), tuple(e for _, e in pairs), residual)
        for pairs, residual in zip(objects, _worst_residual(interpretation.rest).tolist(), strict=True)
    ]


def _median(images: Float[Tensor, "b 3 side side"]) -> Float[Tensor, "b 3"]:
    """By sorting, which unlike `median` is deterministic on every device."""
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


def _evidence(found: Interpretation) -> list[Evidence]:
    best = found.error.gather(1, found.shape[:, None])
    is_best = torch.zeros_like(found.error, dtype=torch.bool).scatter_(1, found.shape[:, None], True)
    behind = (found.error - best).masked_fill(is_best, torch.inf)
    shape_margin = (behind / found.difference.clamp(min=1e-6)).amin(dim=1).clamp(max=1)
    strength = found.colour.abs()
    contrast, weakest = strength.mean(dim=1), strength.amin(dim=1)
    other_colour = 4 * contrast * weakest * found.mass
    values = (
        1 - best[:, 0] / found.energy.clamp(min=1e-6),
        contrast,
        shape_margin,
        weakest / strength.amax(dim=1).clamp(min=1e-6),
        behind.amin(dim=1) / (2 * NOISE**2),
        other_colour / (2 * NOISE**2),
        _other_size(found) / (2 * NOISE**2),
    )
    return [Evidence(*row) for row in torch.stack(values, dim=1).tolist()]


def _other_size(found: Interpretation) -> Float[Tensor, " n"]:
    """Squared error of the nearest radius that has another size; roughly, from the length of a disc's edge."""
    radius = found.params[:, 2]
    away = radius - SIZE_THRESHOLD_AT_32 * found.rest.shape[-1] / 32
    return found.colour.square().sum(dim=1) * 2 * pi * radius * away.square()


def _worst_residual(rest: Float[Tensor, "b 3 side side"]) -> Float[Tensor, " b"]:
    """Root mean square of what is left over in the worst square window, 3 pixels wide at 32."""
    window = 2 * round(rest.shape[-1] / 32) + 1
    mean = F.avg_pool2d(F.pad(rest, [window // 2] * 4), window, stride=1)
    return mean.square().mean(dim=1).amax(dim=(1, 2)).sqrt()
