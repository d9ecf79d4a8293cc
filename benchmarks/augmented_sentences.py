"""The strength up to which augmentations keep sentences true of what is seen.

`python benchmarks/augmented_sentences.py [--scenes 200]` prints a table. Each operation changes rendered scenes: at its
ends (as much as its strength allows, one way or the other) or as it is drawn. The judge reads what comes out and
compares it with the complete sentence. *True* scenes are legible beyond doubt as well.
"""

import argparse
from collections.abc import Iterator
from random import Random

import torch

from diptych.reports.page.markdown import markdown_table
from diptych.systems.gan.augmentations.base import Augmentation
from diptych.systems.gan.augmentations.colour import Brightness, Contrast, Hue, Saturation
from diptych.systems.gan.augmentations.cutout import Cutout
from diptych.systems.gan.augmentations.diffaugment import DiffAugment
from diptych.systems.gan.augmentations.geometry import Flip, Rotation, Scaling, Translation
from diptych.systems.gan.augmentations.instance_noise import InstanceNoise
from diptych.world import Judge, WorldSpec, render, sample_scene
from diptych.world.description import describe_fully

AT_ITS_ENDS = {
    Brightness: (0.2, 0.3, 0.5),
    Saturation: (0.2, 0.5, 1.0),
    Contrast: (0.2, 0.5),
    Hue: (0.2,),
    Scaling: (0.03, 0.1),
    Rotation: (5.0, 10.0, 20.0),
}
DRAWN = {Translation: (1 / 16, 1 / 8), Cutout: (0.25, 0.5), Flip: (0.5,)}


def measured(scenes: int) -> Iterator[list[str]]:
    """Rows of the table."""
    rng, spec = Random(0), WorldSpec()
    drawn = [sample_scene(spec, rng) for _ in range(scenes)]
    images, sentences, judge = render(drawn), [describe_fully(scene, rng) for scene in drawn], Judge(spec)
    for augmentation, strength, at_ends in _augmentations():
        generator = torch.Generator().manual_seed(1)
        numbers = torch.rand(scenes, augmentation.num_numbers(images.shape), generator=generator)
        numbers = (numbers > 0.5) * (1 - 2**-24) if at_ends else numbers
        verdicts = judge.verdicts(augmentation(images, numbers), sentences)
        shares = (sum(getattr(verdict, kind) for verdict in verdicts) / scenes for kind in ("matches", "true"))
        how = "at its ends" if at_ends else "drawn"
        yield [type(augmentation).__name__, strength, how, *(f"{100 * share:.1f} %" for share in shares)]


def _augmentations() -> Iterator[tuple[Augmentation, str, bool]]:
    for kinds, at_ends in ((AT_ITS_ENDS, True), (DRAWN, False)):
        for kind, strengths in kinds.items():
            for strength in strengths:
                yield kind(strength=strength), f"{strength:g}", at_ends
    for std in (0.1, 0.3, 0.5):
        yield InstanceNoise(std=std), f"{std:g}", False
    yield DiffAugment(), "as shipped", False
    articles = {"brightness": 0.5, "saturation": 1.0, "contrast": 0.5, "translation": 0.125}
    yield DiffAugment(policy=("color", "translation", "cutout"), **articles), "the article's", False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    header = ["operation", "strength", "", "matches", "true"]
    print(markdown_table(header, list(measured(parser.parse_args().scenes))))
