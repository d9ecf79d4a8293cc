"""Three recipes equal plain loops of their articles, written here without the house's losses, terms and steps.

WGAN-GP and R3GAN are held twice: with multilayer perceptrons, and as the bundle with its own networks. All run for
twenty steps in double precision with plain gradient descent, from the same weights, on the same images and the same
random numbers. Logits are single precision in the house, so figures agree to about 1e-6.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from steps import batches_of, built, double, taught
from torch import Tensor, nn
from torch.nn.utils.parametrize import cached
from torch.optim import SGD

STEPS = 20
DATA = ("data=digits", "data.batch_size=8")
MLP = ("model=mlp_gan", "generator.hidden_dims=[16,16]", "generator.latent_dim=4", "discriminator.hidden_dims=[16,16]")
BIGGAN = (
    "model=biggan",
    "data.image_size=16",
    "generator.widths=[6,5,4]",
    "generator.latent_dim=6",
    "generator.attention_size=8",
    "discriminator.widths=[6,5]",
    "discriminator.attention_size=8",
)


class Player(NamedTuple):
    """The networks of a game, their optimisers, and the numbers that are drawn for it."""

    generator: Any
    critic: Any
    of_generator: torch.optim.Optimizer
    of_critic: torch.optim.Optimizer
    rng: torch.Generator


def wgan_gp(player: Player, images: Iterator[Tensor]) -> Iterator[dict[str, Tensor]]:
    """Gulrajani et al. 2017, algorithm 1 with n_critic = 5 and lambda = 10."""
    for number, real in enumerate(images, start=1):
        latents = torch.randn(len(real), player.generator.latent_dim, generator=player.rng)
        with torch.no_grad():
            fake = player.generator(latents)
        epsilon = torch.rand(len(real), generator=player.rng).reshape(-1, 1, 1, 1)
        mixed = (epsilon * real + (1 - epsilon) * fake).requires_grad_()
        gradient = torch.autograd.grad(player.critic(mixed).sum(), mixed, create_graph=True)[0]
        penalty = ((gradient.pow(2).sum(dim=(1, 2, 3)).sqrt() - 1) ** 2).mean()
        critic_loss = player.critic(fake).mean() - player.critic(real).mean()
        descend(player.of_critic, critic_loss + 10 * penalty)
        figures = {"d_loss": critic_loss, "gradient_penalty": penalty}
        if number % 5 == 0:
            figures["g_loss"] = -player.critic(player.generator(latents)).mean()
            descend(player.of_generator, figures["g_loss"])
        yield figures


def r3gan(player: Player, images: Iterator[Tensor]) -> Iterator[dict[str, Tensor]]:
    """Huang et al. 2024: a relativistic pair, R1 and R2 at each step, here with gamma = 4."""
    for real in images:
        latents = torch.randn(len(real), player.generator.latent_dim, generator=player.rng)
        real = real.clone().requires_grad_()
        fake = player.generator(latents).detach().requires_grad_()
        of_real, of_fake = player.critic(real), player.critic(fake)
        at_real = torch.autograd.grad(of_real.sum(), real, create_graph=True)[0].pow(2).sum(dim=(1, 2, 3))
        at_fake = torch.autograd.grad(of_fake.sum(), fake, create_graph=True)[0].pow(2).sum(dim=(1, 2, 3))
        critic_loss = (1 + (of_fake - of_real).exp()).log().mean()
        descend(player.of_critic, critic_loss + 4 / 2 * (at_real.mean() + at_fake.mean()))
        generator_loss = (
            (1 + (player.critic(real.detach()) - player.critic(player.generator(latents))).exp()).log().mean()
        )
        descend(player.of_generator, generator_loss)
        yield {
            "d_loss": critic_loss,
            "r1_penalty": at_real.mean() / 2,
            "r2_penalty": at_fake.mean() / 2,
            "g_loss": generator_loss,
        }


def biggan(player: Player, images: Iterator[Tensor]) -> Iterator[dict[str, Tensor]]:
    """Brock et al. 2019: hinge, two steps of D for each of G, and filters that are orthogonal off the diagonal.

    Both networks are spectrally normalised. A pass of G improves the estimate of its norms once; D's improve once in
    its own step, for real and generated images together, and stay as they are in that of G.
    """
    for number, real in enumerate(images, start=1):
        fake = player.generator(torch.randn(len(real), 6, generator=player.rng))
        with cached():
            of_real, of_fake = player.critic(real), player.critic(fake.detach())
        critic_loss = (1 - of_real).clamp(min=0).mean() + (1 + of_fake).clamp(min=0).mean()
        descend(player.of_critic, critic_loss)
        figures = {"d_loss": critic_loss}
        if number % 2 == 0:
            player.critic.eval()
            figures["g_loss"] = -player.critic(fake).mean()
            player.critic.train()
            figures["orthogonal_loss"] = sum(map(overlap, filters_of(player.generator)), torch.zeros(()))
            descend(player.of_generator, figures["g_loss"] + 1e-3 * figures["orthogonal_loss"])
        yield figures


def filters_of(network: nn.Module) -> list[Tensor]:
    """A matrix for each layer, as it learns: before spectral normalisation."""
    named = network.named_parameters()
    return [weight.flatten(1) for name, weight in named if weight.ndim > 1 and name.endswith(("weight", "original"))]


def overlap(filters: Tensor) -> Tensor:
    """What is not on the diagonal of W W^T, squared."""
    products = filters @ filters.T
    return (products - products.diag().diag()).pow(2).sum()


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


GAMMA = ("terms.r1.weight=4", "terms.r2.weight=4")
SMALL_WIDTHS = ("generator.width=6", "generator.latent_dim=4", "discriminator.width=6")
FEW_CHANNELS = [
    f"{network}.{size}"
    for network in ("generator", "discriminator")
    for size in ("channel_base=128", "channel_max=8", "group_width=4")
]
RECIPES: dict[str, tuple[tuple[str, ...], float, Callable[..., Iterator[dict[str, Tensor]]]]] = {
    "WGAN-GP": (
        (*MLP, "objective=wasserstein", "term=gradient_penalty", "system.discriminator_steps=5"),
        0.02,
        wgan_gp,
    ),
    "R3GAN": ((*MLP, "objective=relativistic", "term=[r1,r2]", *GAMMA), 0.02, r3gan),
    "model=wgan_gp": (("model=wgan_gp", "schedule=constant", *SMALL_WIDTHS), 5e-4, wgan_gp),
    "model=r3gan": (("model=r3gan", "schedule=constant", *FEW_CHANNELS, *GAMMA), 5e-3, r3gan),
    "BigGAN": ((*BIGGAN, "+term=orthogonal", "terms.orthogonal.weight=1e-3"), 0.02, biggan),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_equals_a_plain_loop_of_its_article(recipe):
    choices, rate, loop = RECIPES[recipe]
    overrides = (*DATA, *choices)
    gan: Any = built(overrides)
    make = partial(SGD, lr=rate)
    gan.make_optimizers = (make, make)
    generator, critic = copy.deepcopy(gan.generator), copy.deepcopy(gan.discriminator)
    rng = torch.Generator()
    rng.set_state(gan.rng.get_state())
    player = Player(generator, critic, make(generator.parameters()), make(critic.parameters()), rng)
    with double():
        plain = list(loop(player, (batch.images for batch in batches_of(overrides, STEPS))))
    rows = taught(gan, overrides, STEPS).figures
    rows = [row for row in rows if "train/d_loss" in row]
    assert len(rows) == len(plain) == STEPS
    for row, figures in zip(rows, plain, strict=True):
        own = {name: value for name, value in row.items() if name.endswith(("_loss", "penalty"))}
        assert own == pytest.approx(
            {f"train/{name}": float(value.detach()) for name, value in figures.items()}, rel=1e-5
        )
    assert same(gan.generator, generator)
    assert same(gan.discriminator, critic)


def same(network: nn.Module, other: nn.Module) -> bool:
    """To a millionth of each weight's size; a bias before a normalisation moves by rounding errors alone."""
    pairs = zip(network.parameters(), other.parameters(), strict=True)
    return all((a - b).detach().norm() <= 1e-6 * a.detach().norm() + 1e-12 for a, b in pairs)
