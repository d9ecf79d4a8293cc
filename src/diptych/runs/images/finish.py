"""What is done to generated images for people's eyes: crop, size, sharpness, contrast, in this order.

It never enters an evaluation, and an image's record names it under `finish`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from PIL import Image, ImageEnhance

from diptych.config.errors import UserError

RESAMPLING = {"nearest": Image.Resampling.NEAREST, "lanczos": Image.Resampling.LANCZOS}


@dataclass(frozen=True)
class Finish:
    """How generated images are finished; None leaves them as they are.

    `crop`: width and height of the centre, in generated pixels. `size`: pixels of the longer side, by `resample`
    (`nearest` or `lanczos`; None: nearest for whole multiples, which keeps pixels square, otherwise lanczos).
    `sharpen` and `contrast`: PIL's factors; 1 changes nothing, 0 blurs, and is grey.
    """

    crop: tuple[int, int] | None = None
    size: int | None = None
    resample: str | None = None
    sharpen: float | None = None
    contrast: float | None = None

    def __post_init__(self) -> None:
        if self.crop is not None and min(self.crop) < 1:
            raise UserError(f"crop={_by(self.crop)}: width and height are at least 1 pixel")
        if self.size is not None and self.size < 1:
            raise UserError(f"size={self.size}: a side has at least 1 pixel")
        if self.resample is not None and self.resample not in RESAMPLING:
            raise UserError(f"resample={self.resample}: choose {' or '.join(RESAMPLING)}")
        for name in ("sharpen", "contrast"):
            factor = getattr(self, name)
            if factor is not None and not 0 <= factor < math.inf:
                raise UserError(f"{name}={factor}: the factor is 0 or more; 1 changes nothing")

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Self:
        """What a record names; a UserError where it cannot be followed."""
        told: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**told)
        except TypeError:
            raise UserError(f"finish {dict(values)}: this cannot be done to an image; choose another finish") from None

    def check(self, side: int) -> None:
        """Refuse a crop that is larger than images of this side, before they are generated."""
        if self.crop is not None and max(self.crop) > side:
            raise UserError(f"crop={_by(self.crop)}: the images have {side} x {side} pixels; crop at most that")

    def record(self) -> dict[str, Any]:
        """What is done, by name; empty where nothing is."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items() if v is not None}

    def __call__(self, picture: Image.Image) -> Image.Image:
        if self.crop is not None:
            picture = _centre(picture, self.crop)
        if self.size is not None:
            picture = resized(picture, self.size, self.resample)
        if self.sharpen is not None:
            picture = ImageEnhance.Sharpness(picture).enhance(self.sharpen)
        return picture if self.contrast is None else ImageEnhance.Contrast(picture).enhance(self.contrast)


def resized(picture: Image.Image, longer_side: int, resample: str | None = None) -> Image.Image:
    """Brought to this longer side, as `Finish` says."""
    now = max(picture.size)
    size = tuple(max(1, round(side * longer_side / now)) for side in picture.size)
    by_default = "nearest" if longer_side % now == 0 else "lanczos"
    return picture.resize((size[0], size[1]), RESAMPLING[resample or by_default])


def read_crop(text: str) -> tuple[int, int]:
    """`WxH`, as people type it."""
    width, found, height = text.lower().partition("x")
    if not (found and width.isdecimal() and height.isdecimal()):
        raise UserError(f"--crop {text}: write width and height in pixels, such as 24x24")
    return int(width), int(height)


def _centre(picture: Image.Image, crop: tuple[int, int]) -> Image.Image:
    left, top = ((side - wanted) // 2 for side, wanted in zip(picture.size, crop, strict=True))
    return picture.crop((left, top, left + crop[0], top + crop[1]))


def _by(crop: tuple[int, int]) -> str:
    return "x".join(map(str, crop))
