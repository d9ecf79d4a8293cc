"""Pictures outside the grammar, with one wrong object each.

Each maker takes scenes and returns their pictures with a corrupted first object: half-way between two shapes, two
colours or the sizes, cut in half, faded, replaced by a blob, or filled with a texture. None of them has a true reading,
so a judge must refuse all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world.choice import pick
from diptych.world.renderer import render
from diptych.world.spec import COLOURS, SHAPES, SIZE_THRESHOLD_AT_32

Pictures = Float[Tensor, "b 3 side side"]

CUT_AXES = ("right", "left", "lower", "upper")
BLOB_COARSENESS = 6
STRIPE_WIDTH_AT_32 = 2
MIDDLE_SPREAD_AT_32 = 0.1


def morphs(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """Half-way between the first object's shape and any other."""
    return _half_way(scenes, [_with(scene, shape=_other(SHAPES, _first(scene).shape, rng)) for scene in scenes])


def colour_mixes(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """Half-way between the first object's colour and any other except its complement, which would give grey."""
    return _half_way(scenes, [_with(scene, colour=_mixable(_first(scene).colour, rng)) for scene in scenes])


def middle_sizes(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """The first object about half-way between small and large."""
    radii = [SIZE_THRESHOLD_AT_32 + MIDDLE_SPREAD_AT_32 * (2 * rng.random() - 1) for _ in scenes]
    return render([_with(s, radius=radius * s.side / 32) for s, radius in zip(scenes, radii, strict=True)])


def half_cuts(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """The first object cut through its centre, vertically or horizontally, with one half removed."""
    gone = torch.stack([_half_plane(scene, pick(CUT_AXES, rng)) for scene in scenes])
    return render(scenes) - _firsts_alone(scenes) * gone[:, None]


def faded(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """The first object at half its contrast."""
    return render(scenes) - _firsts_alone(scenes) / 2


def blobs(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """The first object replaced by a smooth random spot of saturated colours of about its size."""
    side = scenes[0].side
    generator = torch.Generator().manual_seed(int(rng.random() * 2**31))
    coarse = torch.randn(len(scenes), 3, BLOB_COARSENESS, BLOB_COARSENESS, generator=generator)
    spots = torch.tanh(3 * torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic"))
    window = torch.stack([_window(_first(scene), side) for scene in scenes])
    return render([replace(scene, objects=scene.objects[1:]) for scene in scenes], side=side) + spots * window[:, None]


def textures(scenes: Sequence[Scene], rng: Random) -> Pictures:
    """The first object with vertical or horizontal stripes of the background."""
    stripes = torch.stack([_stripes(scene.side, rng) for scene in scenes])
    return render(scenes) - _firsts_alone(scenes) * stripes[:, None]


BATTERY: dict[str, Callable[[Sequence[Scene], Random], Pictures]] = {
    "morph of two shapes": morphs,
    "mix of two colours": colour_mixes,
    "between two sizes": middle_sizes,
    "half an object": half_cuts,
    "faded to a half": faded,
    "blob": blobs,
    "texture": textures,
}
"""Every maker by its name."""


def _first(scene: Scene) -> SceneObject:
    return scene.objects[0]


def _with(scene: Scene, **changes: Any) -> Scene:
    return replace(scene, objects=(replace(_first(scene), **changes), *scene.objects[1:]))


def _other(words: Sequence[str], word: str, rng: Random) -> str:
    return pick([w for w in words if w != word], rng)


def _mixable(colour: str, rng: Random) -> str:
    complements = {"red": "cyan", "green": "magenta", "blue": "yellow", "black": "white"}
    pairs = complements | {second: first for first, second in complements.items()}
    return pick([c for c in COLOURS if c not in (colour, pairs[colour])], rng)


def _half_way(scenes: Sequence[Scene], others: Sequence[Scene]) -> Pictures:
    return (render(scenes) + render(others)) / 2


def _firsts_alone(scenes: Sequence[Scene]) -> Pictures:
    return render([replace(scene, objects=scene.objects[:1]) for scene in scenes])


def _half_plane(scene: Scene, axis: str) -> Float[Tensor, "side side"]:
    """1 on one side of the first object's centre, 0 on the other, with a soft pixel between."""
    thing, pixels = _first(scene), torch.arange(scene.side) + 0.5
    across, down = (pixels - thing.x).expand(scene.side, -1), (pixels - thing.y)[:, None].expand(-1, scene.side)
    signed = {"right": across, "left": -across, "lower": down, "upper": -down}[axis]
    return (signed + 0.5).clamp(0, 1)


def _window(thing: SceneObject, side: int) -> Float[Tensor, "side side"]:
    """A soft square around the object."""
    pixels = torch.arange(side) + 0.5
    inside = [(1.2 * thing.radius + 0.5 - (pixels - centre).abs()).clamp(0, 1) for centre in (thing.x, thing.y)]
    return inside[1][:, None] * inside[0]


def _stripes(side: int, rng: Random) -> Float[Tensor, "side side"]:
    """1 in the gaps between stripes."""
    width = STRIPE_WIDTH_AT_32 * side // 32
    line = ((torch.arange(side) + int(rng.random() * width)) // width % 2).float()
    return line.expand(side, -1) if rng.random() < 0.5 else line[:, None].expand(-1, side)
