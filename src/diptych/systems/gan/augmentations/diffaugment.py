"""Differentiable augmentation of real and generated images (DiffAugment, Zhao et al. 2020, arXiv:2006.10738)."""

from collections.abc import Collection

from diptych.systems.gan.augmentations.base import Composition
from diptych.systems.gan.augmentations.colour import Brightness, Contrast, Saturation
from diptych.systems.gan.augmentations.cutout import Cutout
from diptych.systems.gan.augmentations.geometry import Translation


class DiffAugment(Composition):
    """The article's policies in its order: `policy` names some of "color", "translation" and "cutout".

    Each image gets every change of the policy. The article's strengths are brightness 0.5, saturation 1, contrast 0.5,
    translation 0.125 and cutout 0.5. Those of here are weaker, so that colours keep their names and no object leaves
    the picture; cutout hides objects and is not in the policy.
    """

    def __init__(
        self,
        *,
        policy: Collection[str] = ("color", "translation"),
        brightness: float = 0.1,
        saturation: float = 0.2,
        contrast: float = 0.1,
        translation: float = 0.0625,
        cutout: float = 0.5,
        may_break: Collection[str] = (),
    ) -> None:
        known = {
            "color": (Brightness(strength=brightness), Saturation(strength=saturation), Contrast(strength=contrast)),
            "translation": (Translation(strength=translation),),
            "cutout": (Cutout(strength=cutout),),
        }
        if unknown := [name for name in policy if name not in known]:
            raise ValueError(f"policy={list(policy)}: {unknown[0]!r} is none of {', '.join(known)}")
        if not policy:
            raise ValueError(f"policy=[] changes nothing: name some of {', '.join(known)}, or choose no diffaugment")
        chosen = (operation for name in dict.fromkeys(policy) for operation in known[name])
        super().__init__(chosen, may_break=may_break)
