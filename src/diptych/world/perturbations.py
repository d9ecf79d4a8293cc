"""Image corruptions (noise, blur, JPEG, crop), and the scene that a crop shows.

Pictures are in [-1, 1]; strengths have the units of the literature: noise for pixels in [0, 1], blur in pixels.
"""

import io
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from diptych.types import Scene, SceneObject
from diptych.world.judging.fitting import blur_matrix
from diptych.world.shapes import HALF_EXTENTS
from diptych.world.spec import SIZE_THRESHOLD_AT_32

Pictures = Float[Tensor, "b 3 side side"]
CROP_SHARE = 15 / 16
"""The share of the side that a crop keeps; enlarged again, no small object becomes a large one."""


def noisy(images: Pictures, sigma: float, rng: torch.Generator) -> Pictures:
    """Add independent Gaussian noise of standard deviation `sigma`, clamped to black and white."""
    noise = torch.randn(images.shape, generator=rng, device=rng.device)
    return (images + 2 * sigma * noise.to(images)).clamp(-1, 1)


def blurred(images: Pictures, sigma: float) -> Pictures:
    """Apply a Gaussian blur of standard deviation `sigma` pixels; the background continues beyond the edges."""
    matrix = blur_matrix(images.new_tensor([sigma**2]), images.shape[-1])
    return matrix @ images @ matrix.mT


def jpeg(images: Pictures, quality: int) -> Pictures:
    """Save as JPEG of this quality (1 to 95, colours at half resolution) and read again."""
    pixels = ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    stored = np.stack([_stored(picture, quality) for picture in pixels])
    return torch.from_numpy(stored).permute(0, 3, 1, 2).to(images) / 127.5 - 1


def crop_corner(scene: Scene, rng: Random) -> tuple[int, int] | None:
    """Left and top of a random window of `CROP_SHARE` of the side with all objects inside; None without one."""
    room = scene.side - window_of(scene.side)
    corners = [(left, top) for left in range(room + 1) for top in range(room + 1)]
    whole = [corner for corner in corners if all(_inside(o, corner, scene.side) for o in scene.objects)]
    return rng.choice(whole) if whole else None


def cropped(picture: Float[Tensor, "3 side side"], corner: tuple[int, int]) -> Float[Tensor, "3 side side"]:
    """The window at this corner, enlarged to the full side."""
    side, (left, top) = picture.shape[-1], corner
    window = picture[:, top : top + window_of(side), left : left + window_of(side)]
    return F.interpolate(window[None], (side, side), mode="bilinear", antialias=True)[0]


def cropped_scene(scene: Scene, corner: tuple[int, int]) -> Scene:
    """The scene that `cropped` shows, with the sizes of the enlarged objects."""
    scale = scene.side / window_of(scene.side)
    return Scene(scene.side, tuple(_moved(thing, corner, scale, scene.side) for thing in scene.objects))


def window_of(side: int) -> int:
    """The side of the window that a crop keeps, in pixels."""
    return round(side * CROP_SHARE)


def _stored(picture: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(buffer).convert("RGB"))


def _inside(thing: SceneObject, corner: tuple[int, int], side: int) -> bool:
    window = window_of(side)
    places = zip((thing.x, thing.y), HALF_EXTENTS[thing.shape], corner, strict=True)
    return all(low <= x - half * thing.radius and x + half * thing.radius <= low + window for x, half, low in places)


def _moved(thing: SceneObject, corner: tuple[int, int], scale: float, side: int) -> SceneObject:
    radius = thing.radius * scale
    size = "small" if radius * 32 / side < SIZE_THRESHOLD_AT_32 else "large"
    x, y = (thing.x - corner[0]) * scale, (thing.y - corner[1]) * scale
    return SceneObject(thing.shape, thing.colour, size, x, y, radius)
