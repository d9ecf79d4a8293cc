"""Feature matching and orthogonal filters in a GAN's steps."""

from functools import partial

import pytest
import torch
from tinyparts import Nothing
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from diptych.losses.adversarial import Hinge
from diptych.losses.orthogonal import orthogonal_loss
from diptych.models.gan.mlp import MLPDiscriminator
from diptych.systems.gan.steps import GenerationStep, GeneratorStep, Networks
from diptych.systems.gan.terms.feature_matching import FeatureMatching
from diptych.systems.gan.terms.orthogonal import Orthogonal


def generators_step(real_features, fake_features) -> GeneratorStep:
    images, logits = torch.zeros(2, 1, 4, 4), torch.zeros(2)
    return GeneratorStep(
        networks=Networks(None, None, Hinge()),
        real=images,
        fake=images,
        prompts=None,
        text=None,
        rng=torch.Generator(),
        turn=1,
        latents=torch.zeros(2, 3),
        real_features=real_features,
        fake_features=fake_features,
        real_logits=logits,
        fake_logits=logits,
    )


def test_means_of_features_are_matched_and_not_features():
    swapped = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    matched = FeatureMatching().generator_losses(generators_step(swapped, swapped.flip(0)))
    assert matched["feature_matching_loss"].tolist() == [0.0, 0.0]
    moved = FeatureMatching().generator_losses(generators_step(swapped, swapped + torch.tensor([2.0, 0.0])))
    assert moved["feature_matching_loss"].tolist() == [2.0, 2.0]


def test_features_may_be_nested():
    real = {"deep": (torch.zeros(2, 3), [torch.ones(2, 1)]), "shallow": torch.zeros(2, 1, 2, 2)}
    fake = {"deep": (torch.ones(2, 3), [torch.ones(2, 1)]), "shallow": torch.full((2, 1, 2, 2), 3.0)}
    losses = FeatureMatching().generator_losses(generators_step(real, fake))
    assert losses["feature_matching_loss"].tolist() == [1 + 9, 1 + 9]


def test_the_generator_learns_to_match(make_gan, train, batch_of):
    """With a discriminator that learns nothing, and nothing else to learn from."""
    torch.manual_seed(0)
    settings = {"discriminator": MLPDiscriminator(image_size=28, image_channels=1), "objective": Nothing()}
    adam = partial(torch.optim.Adam, lr=1e-2)
    gan = make_gan(conditional=False, terms={"mine": FeatureMatching()}, generator_optimizer=adam, **settings)
    rows = train(gan, [batch_of(0, size=32)] * 60)
    assert rows[-1]["feature_matching_loss"] < 0.5 * rows[0]["feature_matching_loss"]


def test_both_means_are_of_the_discriminator_as_it_is_now(make_gan, train, batch_of):
    plain = MLPDiscriminator(image_size=28, image_channels=1)
    gan = make_gan(conditional=False, discriminator=plain, terms={"mine": FeatureMatching()})
    batch, generator = batch_of(0), make_gan(conditional=False).generator  # of the same weights, before its step
    seed = torch.Generator().set_state(gan.rng.get_state())
    (row,) = train(gan, [batch])
    with torch.no_grad():
        fake = generator(torch.randn(4, 10, generator=seed))
        means = [gan.discriminator.encode(images).mean(0) for images in (batch.images, fake)]
    assert row["feature_matching_loss"] == pytest.approx(float((means[0] - means[1]).square().mean()), rel=1e-4)


def generation_step(generator) -> GenerationStep:
    images = torch.zeros(2, 1, 4, 4)
    networks = Networks(generator, None, Hinge())
    return GenerationStep(images, images, None, None, torch.Generator(), 1, networks, torch.zeros(2, 3))


class Layers(nn.Sequential):
    """Each kind of layer, and what is left alone: a table, a norm and a layer that does not learn."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(
            nn.Linear(3, 2),
            nn.Conv2d(2, 4, 3, groups=2),
            nn.ConvTranspose2d(4, 6, 2, groups=2),
            nn.Embedding(5, 3),
            nn.LayerNorm(3),
            nn.Linear(3, 3).requires_grad_(False),
        )


def test_layers_that_learn_are_regularised_filter_by_filter():
    layers = Layers()
    first, second = layers[2].weight.detach().unflatten(0, (2, 2))  # of the two groups
    filters = [*(first[:, i].flatten() for i in range(3)), *(second[:, i].flatten() for i in range(3))]
    expected = orthogonal_loss(layers[0].weight) + orthogonal_loss(layers[1].weight.flatten(1))
    expected = expected + orthogonal_loss(torch.stack(filters))
    losses = Orthogonal().generation_losses(generation_step(layers))
    torch.testing.assert_close(losses, {"orthogonal_loss": expected.expand(2)})


def test_spectrally_normalised_layers_count_by_the_weights_that_learn_and_keep_their_estimate():
    layer = spectral_norm(nn.Linear(6, 4))
    estimate = layer.parametrizations.weight[0]._u.clone()
    losses = Orthogonal().generation_losses(generation_step(layer))
    torch.testing.assert_close(losses["orthogonal_loss"][0], orthogonal_loss(layer.parametrizations.weight.original))
    assert torch.equal(layer.parametrizations.weight[0]._u, estimate)


def test_a_network_without_such_layers_is_refused():
    with pytest.raises(ValueError, match=r"terms\.orthogonal: Embedding has no linear and no convolution layer"):
        Orthogonal().generation_losses(generation_step(nn.Embedding(3, 2)))


def test_filters_become_orthogonal_in_the_network_that_is_asked_for(make_gan, train, batches):
    rows = train(make_gan(terms={"mine": Orthogonal(weight=1.0, discriminator_weight=1.0)}), batches * 10)
    for name in ("orthogonal_loss", "discriminator_orthogonal_loss"):
        assert rows[-1][name] < 0.95 * rows[0][name]
    only_one = train(make_gan(terms={"mine": Orthogonal(weight=0.0, discriminator_weight=1.0)}), batches[:1])
    assert "orthogonal_loss" not in only_one[0]
    assert "discriminator_orthogonal_loss" not in train(make_gan(terms={"mine": Orthogonal()}), batches[:1])[0]
