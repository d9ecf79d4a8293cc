"""Plain PyTorch loops of GAN recipes, one batch each, to compare the house's steps with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.parametrize import cached

Losses = dict[str, Tensor]


class Game(NamedTuple):
    """The networks, their optimisers, and the numbers that are drawn."""

    generator: Any
    discriminator: Any
    of_generator: torch.optim.Optimizer
    of_discriminator: torch.optim.Optimizer
    rng: torch.Generator

    def latents(self, number: int) -> Tensor:
        return torch.randn(number, self.generator.latent_dim, generator=self.rng)


class Bundle(NamedTuple):
    """A configuration, one batch of its plain loop, and after how many batches the loop does the same again."""

    overrides: tuple[str, ...]
    batch: Callable[[Game, Tensor, int], Losses]
    cycle: int = 1


def dcgan(game: Game, real: Tensor, number: int) -> Losses:
    """Radford et al. 2016: cross-entropy, non-saturating."""
    fake = game.generator(game.latents(len(real)))
    d_loss = F.softplus(-game.discriminator(real)).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    descend(game.of_discriminator, d_loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def wgan_gp(game: Game, real: Tensor, number: int) -> Losses:
    """Gulrajani et al. 2017, algorithm 1: five steps of the critic to one of the generator."""
    generates = number % 5 == 0
    latents = game.latents(len(real))
    with torch.set_grad_enabled(generates):
        fake = game.generator(latents)
    shares = torch.rand(len(real), 1, 1, 1, generator=game.rng)
    mixtures = torch.lerp(fake.detach(), real, shares).requires_grad_()
    (slopes,) = torch.autograd.grad(game.discriminator(mixtures).sum(), mixtures, create_graph=True)
    penalty = (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    d_loss = (game.discriminator(fake.detach()) - game.discriminator(real)).mean()
    descend(game.of_discriminator, d_loss + 10 * penalty)
    if not generates:
        return {"d_loss": d_loss}
    g_loss = -game.discriminator(fake).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def r3gan(game: Game, real: Tensor, number: int) -> Losses:
    """Huang et al. 2024: relativistic pairs, R1 and R2 at every step, gamma 0.05."""
    fake = game.generator(game.latents(len(real)))
    real_leaf, fake_leaf = (images.detach().requires_grad_() for images in (real, fake))
    real_logits, fake_logits = game.discriminator(real_leaf), game.discriminator(fake_leaf)
    r1, r2 = (squared_slope(*pair) for pair in ((real_logits, real_leaf), (fake_logits, fake_leaf)))
    d_loss = F.softplus(fake_logits - real_logits).mean()
    descend(game.of_discriminator, d_loss + 0.05 / 2 * (r1 + r2))
    with torch.no_grad():
        real_logits = game.discriminator(real)
    g_loss = F.softplus(real_logits - game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def biggan(game: Game, real: Tensor, number: int) -> Losses:
    """Brock et al. 2019: hinge, two steps of the discriminator to one of the generator."""
    generates = number % 2 == 0
    with torch.set_grad_enabled(generates):
        fake = game.generator(game.latents(len(real)))
    with cached():
        real_logits, fake_logits = game.discriminator(real), game.discriminator(fake.detach())
    d_loss = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
    descend(game.of_discriminator, d_loss)
    if not generates:
        return {"d_loss": d_loss}
    game.discriminator.eval()
    g_loss = -game.discriminator(fake).mean()
    game.discriminator.train()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def stylegan2(game: Game, real: Tensor, number: int) -> Losses:
    """Karras et al. 2020: cross-entropy, non-saturating, R1 with gamma 0.01 at every sixteenth step."""
    fake = game.generator(game.latents(len(real)))
    real = real.detach().requires_grad_(number % 16 == 0)
    real_logits = game.discriminator(real)
    loss = d_loss = F.softplus(-real_logits).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    if number % 16 == 0:
        loss = d_loss + 16 * 0.01 / 2 * squared_slope(real_logits, real)
    descend(game.of_discriminator, loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """The mean of each image's squared gradient."""
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum(dim=(1, 2, 3)).mean()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step; only the optimiser's own weights get gradients."""
    optimizer.zero_grad()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    loss.backward(inputs=weights)
    optimizer.step()


BUNDLES = {
    "dcgan": Bundle(("model=dcgan", "generator.width=32", "discriminator.width=32"), dcgan),
    "wgan_gp": Bundle(("model=wgan_gp",), wgan_gp, cycle=5),
    "r3gan": Bundle(("model=r3gan",), r3gan),
    "biggan": Bundle(("model=biggan",), biggan, cycle=2),
    "stylegan2": Bundle(("model=stylegan2",), stylegan2, cycle=16),
}
