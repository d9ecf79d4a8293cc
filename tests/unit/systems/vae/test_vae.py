"""A conditional VAE: its bound, its latents, and the prior fitted to them."""

import logging
import math
from functools import partial
from typing import Any

import pytest
import torch
from letters import SPEC, BagOfWords, make_batch, train_once
from torch import nn

from diptych.losses.likelihoods import bernoulli_nll, gaussian_nll, laplace_nll
from diptych.losses.variational import gaussian_kl, importance_bound, log_importance_weights
from diptych.models.gan.dcgan import DCGANGenerator
from diptych.models.latent_encoders import ConvLatentEncoder, Posterior
from diptych.models.latent_priors import FlowLatentPrior
from diptych.systems.coupling import coupled_parts
from diptych.systems.image_rngs import ImageRngs
from diptych.systems.likelihoods import Gaussian, SquaredError
from diptych.systems.vae.activity import LatentActivity
from diptych.systems.vae.kl import counted_nats
from diptych.systems.vae.system import VAE

ADAM = partial(torch.optim.Adam, lr=2e-3)


class Decoder(nn.Module):
    """A linear map, as small as a decoder can be."""

    latent_dim = 3

    def __init__(self, conditional: bool = True) -> None:
        super().__init__()
        self.layer = nn.Linear(self.latent_dim + (6 if conditional else 0), 28 * 28)

    def forward(self, latents, text=None):
        told = latents if text is None else torch.cat([latents, text.sentence], dim=1)
        return self.layer(told).tanh().unflatten(1, (1, 28, 28))


def make(conditional: bool = True, prior: bool = True, **settings: Any) -> VAE:
    torch.manual_seed(0)
    facts = {"latent_dim": 3, "condition_dim": 6 if conditional else 0}
    parts = {
        "data_spec": SPEC,
        "generator": Decoder(conditional),
        "latent_encoder": ConvLatentEncoder(**facts, image_size=28, image_channels=1, widths=(8, 8), hidden_dim=16),
        "latent_prior": FlowLatentPrior(**facts, dim=16, depth=1) if prior else None,
        "likelihood": Gaussian(std=0.5),
        "text_encoder": BagOfWords() if conditional else None,
        "optimizer": ADAM,
    }
    return VAE(**(parts | settings))


def test_the_loss_is_the_negative_bound_over_the_values_of_an_image():
    system, batch = make(prior=False, likelihood=Gaussian(std=0.7, learned=False)), make_batch(0)
    drawn = system._draw(batch.images, None)
    drawn = drawn._replace(prompts=type("P", (), {"sentences": batch.pick(0)})())
    losses, weights, figures = system._losses(drawn)
    torch.testing.assert_close(figures["latent_nats"], losses["kl_loss"].mean() * 784)
    text = system.text_encoder(batch.pick(0))
    posterior = system.latent_encoder(batch.images, text)
    made = system.generator(posterior.sample(drawn.noise), text)
    likely = torch.distributions.Normal(made, 0.7).log_prob(batch.images).flatten(1).sum(1)
    bound = likely - gaussian_kl(*posterior)
    whole = losses["reconstruction_loss"] + weights["kl_loss"] * losses["kl_loss"]
    torch.testing.assert_close(whole, -bound / 784, rtol=1e-5, atol=1e-6)


def test_bounds_of_a_linear_gaussian_meet_its_likelihood():
    """p(z) = N(0, 1), p(x|z) = N(a z, s²): the posterior is N(a x / (a² + s²), s² / (a² + s²)).

    The ELBO is exact where the posterior is; the importance-weighted one, as samples grow, for any.
    """
    a, s, x = 1.7, 0.6, torch.tensor([[[[0.8]]], [[[-0.3]]]], dtype=torch.float64)
    variance = s**2 / (a**2 + s**2)
    posterior = Posterior(a * x[:, 0, 0] / (a**2 + s**2), torch.full((2, 1), math.log(variance), dtype=torch.float64))
    latents = posterior.mean + math.sqrt(variance) * torch.randn(200_000, 2, 1, dtype=torch.float64)
    nll = gaussian_nll(
        (a * latents).reshape(-1, 1, 1, 1), x.repeat(200_000, 1, 1, 1), torch.tensor(math.log(s))
    ).unflatten(0, (-1, 2))
    bound = -nll.mean(0) - gaussian_kl(*posterior)
    exact = torch.distributions.Normal(0.0, math.sqrt(a**2 + s**2)).log_prob(x.flatten())
    torch.testing.assert_close(bound.double(), exact.double(), rtol=0, atol=5e-3)
    wide = Posterior(posterior.mean, posterior.log_variance + 1.0)
    rows = []
    for _ in range(20_000):
        drawn = wide.sample(torch.randn(2, 1, dtype=torch.float64))
        said = gaussian_nll((a * drawn)[:, :, None, None], x, torch.tensor(math.log(s)))
        rows.append(log_importance_weights(said, *wide, drawn))
    weights = torch.stack(rows).double()
    torch.testing.assert_close(importance_bound(weights), exact, rtol=0, atol=2e-2)
    elbo = importance_bound(weights[:, None].flatten(1)[:1])
    assert elbo.shape == (2,)
    assert (weights.mean(0) < exact - 0.1).all()  # one sample's bound is looser


def test_likelihoods_are_torchs_own_distributions():
    made, images = torch.rand(3, 1, 4, 4) * 2 - 1, torch.rand(3, 1, 4, 4) * 2 - 1
    d = torch.distributions
    pairs = [
        (gaussian_nll(made, images, torch.tensor(0.3)), d.Normal(made, math.exp(0.3)).log_prob(images)),
        (laplace_nll(made, images, 0.4), d.Laplace(made, 0.4).log_prob(images)),
        (bernoulli_nll(made, images), d.ContinuousBernoulli((made + 1) / 2).log_prob((images + 1) / 2)),
    ]
    pairs[2] = (pairs[2][0], pairs[2][1] - d.ContinuousBernoulli((made + 1) / 2)._cont_bern_log_norm())
    for nats, log_prob in pairs:
        torch.testing.assert_close(nats, -log_prob.flatten(1).sum(1), rtol=1e-4, atol=1e-4)


def test_a_learned_deviation_is_that_of_the_errors():
    likelihood, made = Gaussian(std=1.0, learned=True), torch.zeros(8, 1, 28, 28)
    images = 0.2 * torch.randn(8, 1, 28, 28)
    optimizer = torch.optim.Adam(likelihood.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        likelihood(made, images).mean().backward()
        optimizer.step()
    assert float(likelihood.log_std.detach().exp()) == pytest.approx(0.2, rel=0.05)


def test_free_nats_stop_pressing_latents_that_cost_little():
    system = make(free_nats=0.5)
    kl = torch.tensor([[0.1, 2.0, 0.3], [0.3, 1.0, 0.5]], requires_grad=True)
    counted = counted_nats(kl, system.free_nats)
    torch.testing.assert_close(counted, torch.tensor([3.0, 2.0]))
    counted.mean().backward()
    assert kl.grad.tolist() == [[0, 0.5, 0], [0, 0.5, 0]]


def test_the_prior_teaches_neither_encoder_nor_text():
    system, batch = make(), make_batch(0)
    drawn = system._draw(batch.images, None)._replace(prompts=type("P", (), {"sentences": batch.pick(0)})())
    losses, _, _ = system._losses(drawn)
    losses["latent_prior_loss"].mean().backward()
    taught = {name.split(".")[0] for name, weight in system.named_parameters() if weight.grad is not None}
    assert taught == {"latent_prior"}


def test_a_fitted_prior_finds_where_latents_lie():
    prior, rng = FlowLatentPrior(latent_dim=2, dim=64, depth=2), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(prior.parameters(), lr=3e-3)
    for _ in range(800):
        latents = torch.tensor([1.5, -0.5]) + 0.2 * torch.randn(256, 2, generator=rng)
        noise, times = torch.randn(256, 2, generator=rng), torch.rand(256, generator=rng)
        loss = (prior(torch.lerp(latents, noise, times[:, None]), times) - (noise - latents)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = prior.sample(torch.randn(2000, 2, generator=rng), None, 16)
    torch.testing.assert_close(found.mean(0), torch.tensor([1.5, -0.5]), rtol=0, atol=0.08)
    torch.testing.assert_close(found.std(0), torch.full((2,), 0.2), rtol=0, atol=0.08)


def test_it_learns_to_make_images_again_and_generates_others():
    system, batch = make(), make_batch(0, size=8)
    rows = train_once(system, [batch] * 40)
    assert rows[-1]["reconstruction_loss"] < rows[0]["reconstruction_loss"]
    assert rows[-1]["latent_prior_loss"] < rows[0]["latent_prior_loss"]
    images = system.generate(["a b c"], num_images=3)
    assert not torch.equal(images[0], images[1])
    assert system.reconstruct(batch.images, batch.pick(0).texts).shape == batch.images.shape


@pytest.mark.parametrize("steps", [0, 4])
def test_an_image_does_not_depend_on_those_beside_it(steps):
    system = make()
    options, text = system.options(prior_steps=steps), system.text_encoder(make_batch(0).pick(0))
    networks = system.generating_networks(options)
    pairs = [("a", i) for i in range(4)]
    with torch.no_grad():
        together = system.sample(networks, text, ImageRngs(pairs, seed=0), options)
        for i, pair in enumerate(pairs):
            own = type(text)(*(part[i : i + 1] for part in text))
            alone = system.sample(networks, own, ImageRngs([pair], seed=0), options)
            torch.testing.assert_close(alone[0], together[i], rtol=1e-5, atol=1e-5)


def test_temperature_zero_is_one_image_a_sentence():
    system = make(prior=False)
    images = system.generate(["a b"], num_images=3, options=system.options(temperature=0.0))
    torch.testing.assert_close(images[1:], images[:1].expand(2, -1, -1, -1))


def test_parts_of_a_batch_teach_what_the_whole_teaches():
    batches = [make_batch(seed, size=8) for seed in range(3)]
    whole, split = make(), make(micro_batch_size=3)
    for system in (whole, split):
        system.make_optimizer = partial(torch.optim.SGD, lr=0.1)
        train_once(system, batches)
    for key, value in whole.state_dict().items():
        torch.testing.assert_close(value, split.state_dict()[key], rtol=1e-4, atol=1e-6)


def test_a_run_that_fitted_no_prior_refuses_its_option():
    system = make(prior=False)
    with pytest.raises(ValueError, match="prior_steps=4: this run fitted no prior"):
        system.generate(["a b"], options=system.options(prior_steps=4))


def test_free_nats_say_that_they_look_at_whole_batches():
    assert coupled_parts(make(free_nats=0.1)) == ["losses of the system"]
    assert coupled_parts(make()) == []


def test_latents_count_as_active_whose_means_differ():
    activity = LatentActivity()
    for seed in range(3):
        rng = torch.Generator().manual_seed(seed)
        activity.update(torch.cat([torch.randn(8, 2, generator=rng), 0.05 * torch.randn(8, 1, generator=rng)], dim=1))
    assert activity.compute() == 2


def test_collapse_of_all_latents_is_said(caplog):
    system, batch = make(prior=False), make_batch(0)
    nn.init.zeros_(system.latent_encoder.head[-1].weight)
    system.make_optimizer = partial(torch.optim.SGD, lr=0.0)
    with caplog.at_level(logging.WARNING):
        train_once(system, [batch] * 2, limit_val_batches=1)
    assert "posterior collapse" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"kl_weight": -1.0}, r"system\.kl_weight=-1"), ({"free_nats": -0.1}, r"system\.free_nats=-0\.1")],
)
def test_impossible_settings_are_refused_by_name(settings, words):
    with pytest.raises(ValueError, match=words):
        make(**settings)


def test_any_generator_is_a_decoder():
    decoder = DCGANGenerator(image_size=28, image_channels=1, condition_dim=6, latent_dim=3, width=4)
    system = make(generator=decoder, likelihood=SquaredError())
    train_once(system, [make_batch(seed) for seed in range(2)])
    assert system.generate(["a"]).shape == (1, 1, 28, 28)
