"""Autoencoders, a VAE and priors over codes equal plain loops, written here without the house's mathematics.

All run for twenty steps in double precision with plain gradient descent, from the same weights, on the same images and
the same random numbers; gradients are scaled down to a norm of 1, as in the bundles.
"""

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from steps import batches_of, built, double, taught
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD

STEPS = 20
DATA = ("data=digits", "data.batch_size=8", "data.image_size=16")
NETWORKS = ("encoder.widths=[8,8]", "decoder.widths=[8,8]")
SMALL_PRIOR = (
    "prior.dim=8",
    "prior.depth=2",
    "prior.num_heads=2",
    "system.text_dropout=0",
    "system.ema_half_life_images=null",
)
VQ = ("model=vqvae", "bottleneck.num_codes=16", "bottleneck.code_dim=4", *NETWORKS)
PART = "parts.autoencoder.run=nobody"

Loss = Callable[[Any, Tensor, torch.Generator], Tensor]


def kl_autoencoder(system: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Rombach et al. 2022: squared errors, and a little of the divergence from the standard normal."""
    noise = torch.randn(len(images), 4, 4, 4, generator=rng)
    mean, log_variance = system.bottleneck.moments(system.encoder(images)).split(4, dim=1)
    made = system.decoder(mean + noise * torch.exp(log_variance / 2))
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=(1, 2, 3))
    return (made - images).pow(2).mean() + 1e-2 * (divergence / images[0].numel()).mean()


class Codebook:
    """van den Oord et al. 2017, appendix A.1, with codes and places of length 1."""

    def __init__(self, system: Any) -> None:
        self.codes = self.counts = self.sums = None
        self.num, self.dim = 16, 4

    def __call__(self, system: Any, images: Tensor, rng: torch.Generator) -> Tensor:
        places = system.bottleneck.project(system.encoder(images))
        places = places / places.pow(2).sum(dim=1, keepdim=True).sqrt()
        rows = places.detach().permute(0, 2, 3, 1).reshape(-1, self.dim)
        if self.codes is None:
            self._begin(rows, rng)
            torch.randn(len(images), 0, 4, 4, generator=rng)
        distances = (rows[:, None] - self.codes[None]).pow(2).sum(dim=2)
        nearest = distances.argmin(dim=1)
        chosen = self.codes[nearest].reshape(len(images), 4, 4, self.dim).permute(0, 3, 1, 2)
        made = system.decoder(places + (chosen - places).detach())
        commitment = (places - chosen).pow(2).sum(dim=1).mean()
        one_hot = F.one_hot(nearest, self.num).to(rows)
        self.counts = 0.99 * self.counts + 0.01 * one_hot.sum(dim=0)
        self.sums = 0.99 * self.sums + 0.01 * one_hot.T @ rows
        self.codes = self.sums / self.sums.pow(2).sum(dim=1, keepdim=True).sqrt()
        return (made - images).pow(2).mean() + 0.25 * commitment

    def _begin(self, rows: Tensor, rng: torch.Generator) -> None:
        order = torch.randperm(len(rows), generator=rng)
        self.codes = rows[order[: self.num]].clone()
        for _ in range(10):
            nearest = (rows @ self.codes.T).argmax(dim=1)
            for code in range(self.num):
                if (nearest == code).any():
                    mean = rows[nearest == code].sum(dim=0)
                    self.codes[code] = mean / mean.norm()
        self.counts = torch.full((self.num,), 2e-3 * len(rows) / self.num)
        self.sums = self.codes * self.counts[:, None]


def vae(system: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Kingma & Welling 2014, with a learned variance and a rectified flow over the latents."""
    number, dim = len(images), system.generator.latent_dim
    noise, prior_noise = torch.randn(number, dim, generator=rng), torch.randn(number, dim, generator=rng)
    times = torch.rand(number, generator=rng)
    mean, log_variance = system.latent_encoder(images)
    latents = mean + noise * torch.exp(log_variance / 2)
    deviation = system.likelihood.log_std.exp()
    density = torch.distributions.Normal(system.generator(latents), deviation).log_prob(images)
    divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(dim=1)
    fixed = latents.detach()
    noisy = (1 - times)[:, None] * fixed + times[:, None] * prior_noise
    velocity = system.latent_prior(noisy, times)
    flow = (velocity - (prior_noise - fixed)).pow(2).mean()
    return -density.mean() + (divergence / images[0].numel()).mean() + flow


def autoregressive(system: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Minus the log-probability of each code, given those before it."""
    torch.rand(len(images), generator=rng)  # which sentences are left out
    codes = system.autoencoder.network.codes(images).reshape(len(images), -1)
    probabilities = system.prior(codes).softmax(dim=2)
    return -torch.stack([probabilities[:, i].gather(1, codes[:, i : i + 1]).log() for i in range(16)]).mean()


def masked(system: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Chang et al. 2022 with the arccos schedule: hidden codes, as many as drawn."""
    torch.rand(len(images), generator=rng)
    uniform = torch.rand(len(images), 17, generator=rng)
    codes = system.autoencoder.network.codes(images).reshape(len(images), -1)
    losses = []
    hidden = torch.zeros(len(images), 16, dtype=torch.bool)
    for i, row in enumerate(uniform):
        number = max(1, math.ceil(math.acos(float(row[0])) / (math.pi / 2) * 16))
        hidden[i, row[1:].sort().indices[:number]] = True
    log_probs = system.prior(codes, hidden).log_softmax(dim=2)
    for i in range(len(images)):
        own = log_probs[i, hidden[i]].gather(1, codes[i, hidden[i], None])
        losses.append(-own.mean())
    return torch.stack(losses).mean()


LOOPS: dict[str, tuple[tuple[str, ...], Callable[[Any], Loss], float]] = {
    "a KL autoencoder": (
        ("model=kl_autoencoder", "bottleneck.kl_weight=1e-2", *NETWORKS),
        lambda system: kl_autoencoder,
        0.05,
    ),
    "a VQ-VAE": ((*VQ, "bottleneck.restart_below=0"), Codebook, 0.05),
    "a VAE": (
        (
            "model=vae",
            "generator.widths=[8,8,8]",
            "generator.latent_dim=4",
            "latent_encoder.widths=[8,8]",
            "latent_prior.dim=8",
            "latent_prior.depth=1",
            "system.ema_half_life_images=null",
        ),
        lambda system: vae,
        0.02,
    ),
    "an autoregressive prior": (("model=prior", PART, *SMALL_PRIOR), lambda system: autoregressive, 0.05),
    "a masked prior": (("model=masked_prior", PART, *SMALL_PRIOR), lambda system: masked, 0.05),
}


def losses_of(system: Any, images: list[Tensor], loss: Loss, rng: torch.Generator, lr: float) -> Iterator[float]:
    """The loss of each step of gradient descent."""
    learning = [weight for weight in system.parameters() if weight.requires_grad]
    optimizer = SGD(learning, lr=lr)
    system.train()
    for batch in images:
        value = loss(system, batch, rng)
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        yield float(value.detach())


@pytest.mark.parametrize("recipe", LOOPS)
def test_a_system_learns_as_a_plain_loop(recipe):
    choices, make_loss, lr = LOOPS[recipe]
    overrides = (*DATA, *choices, "schedule=constant")
    parts = {"autoencoder": built((*DATA, *VQ, "schedule=constant"))} if PART in choices else {}
    system: Any = built(overrides, **parts)
    system.make_optimizer = partial(SGD, lr=lr)
    plain_system, rng = copy.deepcopy(system), torch.Generator()
    rng.set_state(system.rng.get_state())
    with double():
        batches = [batch.images for batch in batches_of(overrides, STEPS)]
        plain = list(losses_of(plain_system, batches, make_loss(plain_system), rng, lr))
    rows = taught(system, overrides, STEPS).figures
    weights = {"kl_loss": float(getattr(system, "kl_weight", 1e-2)), "commitment_loss": 0.25}
    names = ("reconstruction_loss", "kl_loss", "commitment_loss", "latent_prior_loss", "code_nll")
    sums = [sum(weights.get(n, 1.0) * row[f"train/{n}"] for n in names if f"train/{n}" in row) for row in rows]
    assert sums == pytest.approx(plain, rel=1e-5)
    assert plain[-1] < plain[0]
    pairs: Iterator[tuple[Tensor, Tensor]] = zip(system.parameters(), plain_system.parameters(), strict=True)
    assert all((a - b).detach().norm() <= 1e-5 * a.detach().norm() + 1e-9 for a, b in pairs)
