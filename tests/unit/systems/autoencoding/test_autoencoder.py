"""An autoencoder makes images again, from latents and from codes."""

from functools import partial

import pytest
import torch
from letters import SPEC, make_batch, train_once

from diptych.models.autoencoders.convolutional import ConvDecoder, ConvEncoder
from diptych.models.autoencoders.dense import DenseDecoder, DenseEncoder
from diptych.systems.autoencoding.bottlenecks.gaussian import GaussianBottleneck
from diptych.systems.autoencoding.bottlenecks.plain import PlainBottleneck
from diptych.systems.autoencoding.bottlenecks.vector_quantizer import VectorQuantizer
from diptych.systems.autoencoding.system import Autoencoder
from diptych.systems.likelihoods import SquaredError

ADAM = partial(torch.optim.Adam, lr=3e-3)
SIZES = {"image_size": 28, "image_channels": 1, "widths": (8, 8)}
BOTTLENECKS = {
    "plain": PlainBottleneck,
    "kl": partial(GaussianBottleneck, latent_channels=3, kl_weight=1e-3),
    "vq": partial(VectorQuantizer, num_codes=16, code_dim=4),
}


def make(kind: str = "plain", **settings) -> Autoencoder:
    torch.manual_seed(0)
    encoder = ConvEncoder(**SIZES)
    bottleneck = BOTTLENECKS[kind](feature_channels=encoder.feature_channels)
    decoder = ConvDecoder(latent_channels=bottleneck.latent_channels, latent_size=encoder.latent_size, **SIZES)
    parts = {"data_spec": SPEC, "encoder": encoder, "bottleneck": bottleneck, "decoder": decoder}
    return Autoencoder(**parts, likelihood=SquaredError(), optimizer=ADAM, **settings)


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_it_learns_to_make_images_again(kind):
    system, batch = make(kind), make_batch(0, size=8)
    rows = train_once(system, [batch] * 60)
    assert rows[-1]["reconstruction_loss"] < 0.75 * rows[0]["reconstruction_loss"]
    error = (system.reconstruct(batch.images) - batch.images).square().mean()
    assert float(error) < 0.9 * float(batch.images.square().mean())


@pytest.mark.parametrize("kind", BOTTLENECKS)
def test_parts_of_a_batch_teach_what_the_whole_teaches(kind):
    batches = [make_batch(seed, size=8) for seed in range(3)]
    whole, split = make(kind), make(kind, micro_batch_size=3)
    for system in (whole, split):
        system.make_optimizer = partial(torch.optim.SGD, lr=0.1)
        train_once(system, batches)
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, split.state_dict()[key], rtol=1e-4, atol=1e-5)


def test_codes_are_all_that_is_kept():
    system, images = make("vq"), make_batch(0).images
    codes = system.codes(images)
    assert codes.shape == (4, 7, 7)
    torch.testing.assert_close(system.from_codes(codes), system.reconstruct(images))


def test_latents_without_codes_have_none():
    with pytest.raises(ValueError, match="has no codes: choose a run of bottleneck=vq or fsq"):
        make("kl").codes(make_batch(0).images)


def test_an_image_does_not_depend_on_those_beside_it():
    system, images = make("vq"), make_batch(0, size=8).images
    together = system.reconstruct(images)
    alone = torch.cat([system.reconstruct(image[None]) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)


def test_the_dense_autoencoder_takes_images_of_the_size_it_was_published_for():
    encoder, decoder = DenseEncoder(), DenseDecoder()
    images = torch.rand(2, 3, 64, 64) * 2 - 1
    code = encoder(images)
    assert code.shape == (2, 4096, 1, 1)
    assert decoder(code).shape == images.shape


@pytest.mark.parametrize(
    ("make_network", "words"),
    [
        (lambda: ConvEncoder(image_size=30), r"encoder: 30 px cannot be made 4 times smaller"),
        (lambda: ConvDecoder(latent_size=4), r"decoder: a grid of 4 becomes 16 px, not 32"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(make_network, words):
    with pytest.raises(ValueError, match=words):
        make_network()
