"""A discriminator that says the same of an image and of its augmented view."""

import pytest
import torch
from critics import Bilinear, reading, step_of
from tinyparts import Nothing

from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.augmentations.ada import ADA
from diptych.systems.gan.augmentations.colour import Brightness
from diptych.systems.gan.augmentations.geometry import Translation
from diptych.systems.gan.terms.consistency import Consistency


@pytest.mark.parametrize("text", [None, reading()], ids=["latents alone", "sentences"])
def test_the_loss_is_the_squared_difference_of_the_logits_of_both_views(text):
    step = step_of(Bilinear(), text)
    term = Consistency(augmentation=Brightness(strength=0.2), fake_weight=5.0)
    losses = term.discriminator_losses(step)
    numbers = torch.rand(4, 2, generator=torch.Generator().manual_seed(3))
    critic = step.networks.discriminator
    for name, images, number in (
        ("consistency_loss", step.real, numbers[:, 0]),
        ("fake_consistency_loss", step.fake, numbers[:, 1]),
    ):
        brighter = images + 0.2 * (2 * number - 1)[:, None, None, None]
        difference = critic.score(critic.encode(images), text) - critic.score(critic.encode(brighter), text)
        torch.testing.assert_close(losses[name], difference.square())
    assert [term.weight_of(name) for name in losses] == [10.0, 5.0]


def test_generated_images_count_only_where_they_have_a_weight():
    losses = Consistency(augmentation=Brightness(strength=0.2)).discriminator_losses(step_of(Bilinear()))
    assert set(losses) == {"consistency_loss"}


def test_an_augmentation_that_changes_nothing_asks_for_nothing():
    term = Consistency(augmentation=Translation(strength=0.0), fake_weight=1.0)
    assert all(loss.abs().max() == 0 for loss in term.discriminator_losses(step_of(Bilinear())).values())


def test_the_discriminator_becomes_consistent(make_gan, train, batch_of):
    plain = {
        "discriminator": MLPDiscriminator(image_size=28, image_channels=1, condition_dim=6),
        "objective": Nothing(),
    }
    term = Consistency(augmentation=Translation(strength=0.25, may_break=["count"]), weight=100.0)
    rows = train(make_gan(terms={"mine": term}, **plain), [batch_of(0)] * 60)
    first, last = (sum(row["consistency_loss"] for row in part) for part in (rows[:10], rows[-10:]))
    assert last < 0.75 * first


def test_batch_statistics_have_no_second_trace(make_gan, train, batches):
    gans = [
        make_gan(terms=terms)
        for terms in ({}, {"mine": Consistency(augmentation=Brightness(strength=0.2), weight=0.0, fake_weight=1e-12)})
    ]
    for gan in gans:
        train(gan, batches[:1])
    plain, consistent = (dict(gan.discriminator.named_buffers()) for gan in gans)
    assert plain
    for name, value in plain.items():
        torch.testing.assert_close(consistent[name], value)


def test_an_augmentation_that_would_have_to_adapt_is_refused():
    with pytest.raises(ValueError, match="ADA adapts to the discriminator's step"):
        Consistency(augmentation=ADA(operations={"brightness": Brightness(strength=0.1)}))
