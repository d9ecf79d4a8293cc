"""A flow in the latents of a frozen autoencoder."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from letters import SPEC, make_batch, train_once

from diptych.models.autoencoders.convolutional import ConvDecoder, ConvEncoder
from diptych.models.denoisers.unet import UNet
from diptych.systems.autoencoding.bottlenecks.gaussian import GaussianBottleneck
from diptych.systems.autoencoding.system import Autoencoder
from diptych.systems.likelihoods import SquaredError
from diptych.systems.terms.base import Term

SMALL = {"widths": [8], "attention_levels": 1, "embedding_dim": 16, "head_dim": 8, "patch_size": 1}
LATENT = {"sample_size": 7, "sample_channels": 3, "condition_dim": 6, "word_dim": 6}


@pytest.fixture
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    sizes = {"image_size": 28, "image_channels": 1, "widths": (8, 8)}
    bottleneck = GaussianBottleneck(feature_channels=8, latent_channels=3)
    parts = {"encoder": ConvEncoder(**sizes), "decoder": ConvDecoder(latent_channels=3, latent_size=7, **sizes)}
    optimizer = partial(torch.optim.Adam, lr=1e-3)
    return Autoencoder(data_spec=SPEC, bottleneck=bottleneck, likelihood=SquaredError(), optimizer=optimizer, **parts)


@pytest.fixture
def make_latent(make_lively, autoencoder):
    """`make_latent(**settings)`: the same initial weights every time."""

    def make(**settings):
        return make_lively(denoiser=UNet(**LATENT, **SMALL), autoencoder=autoencoder, **settings)

    return make


class Seen(Term):
    """Remembers the images that it is asked about, and whether they teach."""

    def image_losses(self, step):
        self.shapes, self.teaches = (step.fake.shape, step.real.shape), step.fake.requires_grad
        return {"seen_loss": step.fake.flatten(1).square().mean(1)}


def test_it_learns_and_generates_images(make_latent):
    flow, batch = make_latent(), make_batch(0, size=8)
    rows = train_once(flow, [batch] * 30)
    assert rows[-1]["loss"] < rows[0]["loss"]
    images = flow.generate(["a b c"], num_images=2)
    assert images.shape == (2, 1, 28, 28)
    assert images.abs().max() <= 1


def test_latents_are_divided_by_their_own_deviation(make_latent, autoencoder):
    flow = make_latent()
    flow.image_std.zero_()
    batches = [make_batch(seed, size=8) for seed in range(2)]
    train_once(flow, batches)
    latents = torch.cat([autoencoder.encode(batch.images) for batch in batches])
    torch.testing.assert_close(flow.image_std, latents.square().mean((1, 2, 3)).mean().sqrt())
    whole = torch.cat([flow.encoded(batch.images) for batch in batches])
    assert float(whole.square().mean()) == pytest.approx(1, rel=1e-4)


def test_terms_see_guessed_latents_as_images(make_latent):
    term = Seen()
    train_once(make_latent(terms={"seen": term}), [make_batch(0)] * 2)
    assert term.shapes == ((4, 1, 28, 28), (4, 1, 28, 28))
    assert term.teaches


def test_the_autoencoder_neither_learns_nor_is_saved(make_latent, autoencoder):
    before = {key: value.clone() for key, value in autoencoder.state_dict().items()}
    flow = make_latent()
    train_once(flow, [make_batch(seed) for seed in range(3)])
    assert all(torch.equal(value, before[key]) for key, value in autoencoder.state_dict().items())
    assert not [key for key in flow.state_dict() if "encoder." in key and "text" not in key]


def test_going_back_gives_noise_in_latents_and_forth_images(make_latent):
    flow, images = make_latent(), make_batch(0).images
    options = flow.options(steps=4, solver="ddim")
    noise = flow.invert(images, ["a b c"] * 4, options=options)
    assert noise.shape == (4, 3, 7, 7)
    assert flow.generate_from(noise, ["a b c"] * 4, options=options).shape == images.shape


def test_latents_are_in_full_precision_whatever_that_of_training(make_latent, autoencoder):
    flow, images = make_latent(), make_batch(0).images
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = flow.encoded(images)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, flow.encoded(images))


def test_codes_are_refused(make_lively, autoencoder):
    autoencoder.bottleneck.num_codes = 8
    with pytest.raises(ValueError, match=r"parts\.autoencoder: its latents are codes"):
        make_lively(denoiser=UNet(**LATENT, **SMALL), autoencoder=autoencoder)


def test_an_autoencoder_of_another_size_is_refused(make_latent, autoencoder):
    autoencoder.data_spec = replace(SPEC, image_size=32)
    with pytest.raises(
        ValueError, match=r"parts\.autoencoder: it reads 1x32x32 pictures and this run generates 1x28x28"
    ):
        make_latent()
