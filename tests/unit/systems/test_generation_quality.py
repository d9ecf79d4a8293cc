from random import Random

import pytest
import torch

from diptych.systems.generation_quality import GenerationQuality
from diptych.types import SPECIAL_TOKENS, DataSpec
from diptych.world import Grammar, WorldSpec, render, scene_at

WORLD = WorldSpec()
SPEC = DataSpec("scenes", 32, 3, SPECIAL_TOKENS, 20, world=WORLD.to_dict())


@pytest.fixture
def told() -> tuple[torch.Tensor, list[str]]:
    scenes = [scene_at(WORLD, "val", 0, i) for i in range(6)]
    return render(scenes), [Grammar("en").describe(scene, Random(0)) for scene in scenes]


def test_true_renders_are_wholly_true_and_shuffled_ones_are_not(told):
    images, sentences = told
    quality = GenerationQuality(SPEC, sentences_matter=True)
    quality.update(images, images, sentences)
    assert quality.compute()["scene_accuracy"] == 1
    quality.reset()
    quality.update(images, images.roll(1, 0), sentences)
    assert quality.compute()["scene_accuracy"] == 0


def test_validations_do_not_add_up(told):
    images, sentences = told
    quality = GenerationQuality(SPEC, sentences_matter=True)
    quality.update(images, images.roll(1, 0), sentences)
    quality.reset()
    quality.update(images, images, sentences)
    assert quality.compute()["scene_accuracy"] == 1


def test_batches_are_summed_up_together(told):
    images, sentences = told
    whole, parts = GenerationQuality(SPEC, sentences_matter=True), GenerationQuality(SPEC, sentences_matter=True)
    generated = torch.cat([images[:2], images[2:].roll(1, 0)])
    whole.update(images, generated, sentences)
    for part in (slice(0, 4), slice(4, 6)):
        parts.update(images[part], generated[part], sentences[part])
    assert whole.compute() == pytest.approx(parts.compute())
    assert whole.compute()["scene_accuracy"] == pytest.approx(1 / 3)


def test_without_sentences_or_world_only_the_sets_are_compared(told):
    images, sentences = told
    for spec, matter in ((SPEC, False), (DataSpec("letters", 32, 3, SPECIAL_TOKENS, 8), True)):
        quality = GenerationQuality(spec, sentences_matter=matter)
        quality.update(images, images, sentences)
        assert quality.compute().keys() == {"energy_distance"}


def test_one_picture_is_too_few_to_compare(told):
    images, sentences = told
    quality = GenerationQuality(SPEC, sentences_matter=True)
    quality.update(images[:1], images[:1], sentences[:1])
    assert "energy_distance" not in quality.compute()
