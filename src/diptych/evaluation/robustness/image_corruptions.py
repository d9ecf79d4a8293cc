"""A captioner's pictures disturbed: noise, blur, JPEG, and crops that leave the truth as it was; and told again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from PIL import Image

from diptych.callbacks.grids import to_pil
from diptych.evaluation.captioning.captioned import tell, truth_of
from diptych.evaluation.held_out import HeldOut
from diptych.runs.load import ImageCaptioner
from diptych.types import Images, Track
from diptych.world.perturbations import blurred, crop_corner, cropped, cropped_scene, jpeg, noisy

NOISES, BLURS_AT_32, QUALITIES = (0.05, 0.1), (0.6, 1.2), (90, 75)


@dataclass(frozen=True)
class PictureCondition:
    """One disturbance of the pictures at some places of the evaluation."""

    name: str
    places: Sequence[int]
    images: Images


@dataclass(frozen=True)
class Recaptioned:
    """What is told of disturbed pictures, and whether it is exactly true of what they showed before."""

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
    whole = [
        *((f"noise {sigma}", noisy(images, sigma, rng)) for sigma in NOISES),
        *((f"blur {sigma * scale:g} px", blurred(images, sigma * scale)) for sigma in BLURS_AT_32),
        *((f"JPEG quality {quality}", jpeg(images, quality)) for quality in QUALITIES),
    ]
    return [*(PictureCondition(name, everywhere, changed) for name, changed in whole), _crop(held_out, seed)]


def recaption(
    captioner: ImageCaptioner, condition: PictureCondition, held_out: HeldOut, beam: int, track: Track
) -> Recaptioned:
    """Captions of the disturbed pictures, held against the true scenes."""
    captions = tell(captioner, condition.images, beam=beam, track=track, description=f"telling: {condition.name}")
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
    return PictureCondition("crop", list(kept), torch.stack(images) if images else held_out.images[:0])
