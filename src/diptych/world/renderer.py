"""Scenes to pixels: an anti-aliased signed-distance-field rasteriser, batched, on any device.

Images are in [-1, 1] on mid-grey 0. Every shape is evaluated once for all its objects; objects never overlap, so
rendering adds colour times coverage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diptych.types import Scene
from diptych.world.shapes import coverage
from diptych.world.spec import PALETTE

OBJECTS_AT_ONCE = 128


@dataclass(frozen=True)
class ShapeTensors:
    """All objects of one shape in a batch of scenes; `image` is the number of each object's picture."""

    shape: str
    image: Int[Tensor, " n"]
    colour: Float[Tensor, "n 3"]
    x: Float[Tensor, " n"]
    y: Float[Tensor, " n"]
    radius: Float[Tensor, " n"]


@dataclass(frozen=True)
class SceneTensors:
    """A batch of scenes for the renderer: objects grouped by shape, coordinates on a canvas of `side` pixels."""

    num_images: int
    side: int
    device: torch.device
    groups: tuple[ShapeTensors, ...]

    @classmethod
    def of(
        cls, scenes: Sequence[Scene], *, side: int | None = None, device: torch.device | str = "cpu"
    ) -> "SceneTensors":
        """Scenes scaled to one canvas of `side` pixels, by default that of the first scene."""
        side = side or scenes[0].side
        rows: dict[str, list[tuple[float, ...]]] = {}
        for image, scene in enumerate(scenes):
            scale = side / scene.side
            for o in scene.objects:
                row = (float(image), o.x * scale, o.y * scale, o.radius * scale, *PALETTE[o.colour])
                rows.setdefault(o.shape, []).append(row)
        device = torch.device(device)
        return cls(len(scenes), side, device, tuple(_group(shape, rows[shape], device) for shape in sorted(rows)))


def render(
    scenes: Sequence[Scene], *, side: int | None = None, device: torch.device | str = "cpu"
) -> Float[Tensor, "n 3 side side"]:
    """Pictures of the scenes, `side` pixels wide (by default the canvas of the first scene)."""
    return render_tensors(SceneTensors.of(scenes, side=side, device=device))


def render_tensors(scenes: SceneTensors) -> Float[Tensor, "n 3 side side"]:
    """Pictures of a prepared batch, on its device."""
    canvas = torch.zeros(scenes.num_images, 3, scenes.side, scenes.side, device=scenes.device)
    for group in scenes.groups:
        for start in range(0, len(group.x), OBJECTS_AT_ONCE):
            part = slice(start, start + OBJECTS_AT_ONCE)
            mask = coverage(group.shape, group.x[part], group.y[part], group.radius[part], scenes.side)
            canvas.index_add_(0, group.image[part], group.colour[part][:, :, None, None] * mask[:, None])
    return canvas


def _group(shape: str, rows: list[tuple[float, ...]], device: torch.device) -> ShapeTensors:
    values = torch.tensor(rows, dtype=torch.float64)
    floats = values.float().to(device)
    image = values[:, 0].long().to(device)
    return ShapeTensors(shape, image, floats[:, 4:7], floats[:, 1], floats[:, 2], floats[:, 3])
