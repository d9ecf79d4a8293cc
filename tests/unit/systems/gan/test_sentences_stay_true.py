"""Augmentations keep sentences true, by the judge; what does not is refused where sentences are read."""

import logging
from random import Random

import pytest
import torch

from diptych.config.components import build
from diptych.config.composition import compose
from diptych.systems.gan.augmentations.ada import ADA
from diptych.systems.gan.augmentations.base import Operation
from diptych.systems.gan.augmentations.colour import Brightness, Contrast, Hue, Saturation
from diptych.systems.gan.augmentations.cutout import Cutout
from diptych.systems.gan.augmentations.diffaugment import DiffAugment
from diptych.systems.gan.augmentations.geometry import Flip, QuarterTurn, Rotation, Scaling, Translation
from diptych.systems.gan.terms.consistency import Consistency
from diptych.world.description import describe_fully
from diptych.world.judging.judge import Judge
from diptych.world.renderer import render
from diptych.world.sampling import sample_scene
from diptych.world.spec import WorldSpec

SAFE = (Brightness, Saturation, Contrast, Translation, Scaling, Rotation)
SHIPPED = ["diffaugment", "ada", "instance_noise"]


@pytest.fixture(scope="module")
def shares():
    """`shares(images -> seen)`: the share of scenes that still match their sentences, and of those beyond doubt."""
    rng, spec = Random(5), WorldSpec()
    scenes = [sample_scene(spec, rng) for _ in range(24)]
    images, sentences = render(scenes), [describe_fully(scene, rng) for scene in scenes]
    judge = Judge(spec)

    def share(change) -> tuple[float, float]:
        verdicts = judge.verdicts(change(images), sentences)
        return tuple(sum(getattr(v, kind) for v in verdicts) / len(verdicts) for kind in ("matches", "true"))

    return share


def shipped(name):
    """The augmentation of a shipped file, as strong as it gets."""
    config = compose(["model=mlp_gan", "data=scenes_demo", f"augmentation=[{name}]"])
    augmentation = build(config["augmentations"][name], name)
    if isinstance(augmentation, ADA):
        augmentation.p_images.fill_(augmentation.speed_images)
    return augmentation


def drawn(augmentation, seed=0):
    def change(images):
        shape = len(images), augmentation.num_numbers(images.shape)
        return augmentation(images, torch.rand(shape, generator=torch.Generator().manual_seed(seed)))

    return change


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_augmentations_keep_every_sentence_true(name, shares):
    augmentation = shipped(name)
    assert augmentation.breaks() == []
    matching, beyond_doubt = shares(drawn(augmentation))
    assert matching == 1
    assert beyond_doubt >= 0.9


@pytest.mark.parametrize("kind", SAFE)
def test_the_strongest_change_that_counts_as_safe_keeps_every_sentence_true(kind, shares):
    """At both ends of its range."""
    operation: Operation = kind(strength=kind.SAFE)
    assert operation.breaks() == []

    def extreme(images):
        ends = torch.tensor([0.0, 1 - 2**-24]).repeat(len(images) // 2)[:, None]
        return operation(images, ends.expand(-1, operation.NUMBERS))

    assert shares(extreme)[0] == 1


@pytest.mark.parametrize(
    "stronger",
    [
        Flip(strength=1.0),
        QuarterTurn(strength=1.0),
        Hue(strength=1.0),
        Cutout(strength=0.5),
        Translation(strength=0.25),
        Saturation(strength=1.0),
        Scaling(strength=0.2),
        Rotation(strength=30.0),
        Brightness(strength=1.0),
        Contrast(strength=1.0),
    ],
)
def test_what_is_said_to_break_sentences_breaks_some(stronger, shares):
    (broken,) = stronger.breaks()
    assert broken.aspect in ("colour", "size", "count", "position")
    assert shares(drawn(stronger))[0] < 1


def test_what_breaks_sentences_is_refused_where_they_are_read_and_only_there(make_gan):
    make_gan(conditional=False, augmentations={"flip": Flip(strength=0.5)})
    with pytest.raises(
        ValueError,
        match=r"augmentations\.flip: Flip exchanges left and right.*augmentations\.flip\.may_break=\[position\]",
    ):
        make_gan(augmentations={"flip": Flip(strength=0.5)})


def test_all_that_is_broken_has_to_be_accepted(make_gan):
    strong = {"policy": ["color", "translation", "cutout"], "brightness": 0.5, "translation": 0.125}
    make_gan(augmentations={"mine": DiffAugment(**strong, may_break=["colour", "count"])})
    with pytest.raises(ValueError, match=r"mine: Brightness of 0\.5 .*\(0\.2 at most does not\).*=\[count,colour\]"):
        make_gan(augmentations={"mine": DiffAugment(**strong, may_break=["count"])})


def test_an_operation_may_be_accepted_where_it_stands(make_gan):
    accepted = Flip(strength=0.5, may_break=["position"])
    make_gan(augmentations={"ada": ADA(operations={"flip": accepted})})
    with pytest.raises(ValueError, match=r"augmentations\.ada: Flip"):
        make_gan(augmentations={"ada": ADA(operations={"flip": Flip(strength=0.5)})})


def test_a_terms_own_augmentation_is_looked_at_as_well(make_gan):
    with pytest.raises(ValueError, match=r"terms\.mine\.augmentation: Flip .*terms\.mine\.augmentation\.may_break="):
        make_gan(terms={"mine": Consistency(augmentation=Flip(strength=0.5))})


def test_the_log_says_what_has_been_accepted(make_gan, train, batches, caplog):
    with caplog.at_level(logging.WARNING):
        train(make_gan(augmentations={"flip": Flip(strength=0.5, may_break=["position"])}), batches[:1])
    (said,) = [record.message for record in caplog.records if "augmentations.flip" in record.message]
    assert (
        said == "augmentations.flip: Flip exchanges left and right; sentences about position may be untrue (may_break)"
    )
