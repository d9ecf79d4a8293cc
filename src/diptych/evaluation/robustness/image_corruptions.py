"""A captioner's images disturbed: noise, blur, JPEG, and crops that leave the scene as it was; captioned again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.captioning.captioned import truth_of
from diptych.evaluation.captioning.captions import captions_of
from diptych.evaluation.held_out import HeldOut
from diptych.evaluation.results import key_of
from diptych.runs.capabilities import CaptionsImages
from diptych.types import Images, Track
from diptych.world.perturbations import blurred, crop_corner, cropped, cropped_scene, jpeg, noisy

NOISES, BLURS_AT_32, QUALITIES = (0.05, 0.1), (0.6, 1.2), (90, 75)


@dataclass(frozen=True)
class PictureCondition:
    """One disturbance of the pictures at some places of the evaluation."""

    key: str
    name: str
    places: Sequence[int]
    images: Images


@dataclass(frozen=True)
class Recaptioned:
    """Captions of disturbed images, and whether each is exactly true of what its image showed before."""

    condition: PictureCondition
    texts: Sequence[str]
    exact: Sequence[bool]

    @property
    def places(self) -> Sequence[int]:
        return self.condition.places

    def picture(self, number: int) -> Image.Image:
        """One of the pictures, for people."""
        return to_pil(self.condition.images[number : number + 1])[0]


def picture_conditions(held_out: HeldOut, seed: int) -> list[PictureCondition]:
    """All disturbances of the held-out pictures, the same for the same seed; blur grows with the canvas."""
    images, everywhere = held_out.images, range(len(held_out))
    scale, rng = held_out.image_size / 32, torch.Generator().manual_seed(seed)
    blurs = [sigma * scale for sigma in BLURS_AT_32]
    whole = [
        *((f"noise_{sigma}", f"noise {sigma}", noisy(images, sigma, rng)) for sigma in NOISES),
        *((f"blur_{sigma:g}_px", f"blur {sigma:g} px", blurred(images, sigma)) for sigma in blurs),
        *((f"jpeg_{quality}", f"JPEG quality {quality}", jpeg(images, quality)) for quality in QUALITIES),
    ]
    conditions = (PictureCondition(key_of(key), name, everywhere, changed) for key, name, changed in whole)
    return [*conditions, _crop(held_out, seed)]


def recaption(
    captioner: CaptionsImages, condition: PictureCondition, held_out: HeldOut, options: Mapping[str, Any], track: Track
) -> Recaptioned:
    """Captions of the disturbed pictures, held against the true scenes."""
    described = f"captioning: {condition.name}"
    captions = captions_of(captioner, condition.images, options, track=track, description=described)
    texts, scenes = [caption.text for caption in captions], held_out.true_scenes()
    exact = truth_of(texts, held_out, [scenes[place] for place in condition.places]).hits("exact_match")
    return Recaptioned(condition, texts, exact)


def _crop(held_out: HeldOut, seed: int) -> PictureCondition:
    """Windows that cut no object and leave every size what it is called."""
    scenes = held_out.true_scenes()
    corners = {i: crop_corner(scene, Random(f"{seed}/crop/{i}")) for i, scene in enumerate(scenes)}
    kept = {
        i: corner
        for i, corner in corners.items()
        if corner and [o.size for o in cropped_scene(scenes[i], corner).objects] == [o.size for o in scenes[i].objects]
    }
    images = [cropped(held_out.images[i], corner) for i, corner in kept.items()]
    return PictureCondition("crop", "crop", list(kept), torch.stack(images) if images else held_out.images[:0])
