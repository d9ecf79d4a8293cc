"""DF-GAN's networks with the article's objective and penalty."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from diptych.losses.adversarial import Hinge
from diptych.models.gan.deep_fusion import DFGANDiscriminator, DFGANGenerator
from diptych.systems.gan.terms.matching_gradient_penalty import MatchingGradientPenalty

SIZES = {"image_size": 16, "image_channels": 1, "condition_dim": 6, "width": 2}


@pytest.fixture
def small(make_gan, batches):
    """`small(**settings)`: a GAN for images of 16 pixels; and batches of them."""

    def make(**settings):
        torch.manual_seed(0)
        networks = {"generator": DFGANGenerator(**SIZES, latent_dim=5), "discriminator": DFGANDiscriminator(**SIZES)}
        recipe = {"objective": Hinge(), "terms": {"penalty": MatchingGradientPenalty()}, "mismatch_weight": 0.5}
        spec = replace(make_gan().data_spec, image_size=16)
        return make_gan(data_spec=spec, **(networks | recipe | settings))

    return make, [replace(batch, images=F.interpolate(batch.images, (16, 16))) for batch in batches]


def test_every_weight_learns(small, train):
    """Within three steps: what a gain of zero hides learns once the gain has moved."""
    make, batches = small
    gan = make()
    before = {name: weights.clone() for name, weights in gan.named_parameters()}
    train(gan, batches)
    unchanged = [name for name, weights in gan.named_parameters() if torch.equal(weights, before[name])]
    assert not [name for name in unchanged if "embedding" not in name]


def test_training_goes_on_bit_for_bit(small, fit, tmp_path):
    make, batches = small
    whole, half, rest = (make(ema_half_life_images=8) for _ in range(3))
    fit(whole, batches, max_epochs=2)
    fit(half, batches).save_checkpoint(tmp_path / "half.ckpt")
    fit(rest, batches, max_epochs=2, ckpt_path=tmp_path / "half.ckpt")
    assert rest.images_seen == whole.images_seen
    assert all(torch.equal(value, rest.state_dict()[name]) for name, value in whole.state_dict().items())


def test_bfloat16_stays_close_to_float32(small, train):
    make, batches = small
    (full,), (half,) = (train(make(), batches[:1], precision=precision) for precision in ("32-true", "bf16-mixed"))
    assert half["d_loss"] == pytest.approx(full["d_loss"], rel=0.05)
    assert half["matching_gradient_penalty"] == pytest.approx(full["matching_gradient_penalty"], rel=0.05)


def test_a_batch_split_changes_no_image(small, train):
    make, batches = small
    gan = make()
    train(gan, batches)
    together, apart = (gan.generate(["a b c", "d e f"], num_images=3, batch_size=size) for size in (6, 1))
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_a_batch_of_one_trains(small, train, batch_of):
    make, _ = small
    batch = batch_of(0, size=1)
    (row,) = train(make(), [replace(batch, images=F.interpolate(batch.images, (16, 16)))])
    assert row["d_loss"] > 0
