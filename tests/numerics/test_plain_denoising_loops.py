"""Diffusion, flow and mean flow equal plain loops of their articles, written here without the house's mathematics.

All run for twenty steps in double precision with plain gradient descent, from the same weights, on the same images and
the same random numbers; gradients are scaled down to a norm of 1, as in the bundles.
"""

import copy
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from steps import batches_of, built, double, taught
from torch import Tensor
from torch.optim import SGD

STEPS = 20
DATA = ("data=digits", "data.batch_size=8", "data.image_size=16")
UNET = ("denoiser.widths=[8,16]", "denoiser.attention_levels=1", "denoiser.head_dim=8", "denoiser.embedding_dim=16")
BUNDLE = ("schedule=constant", *UNET)


class Drawn(NamedTuple):
    """What is drawn for a batch, in this order: noise, times as shares of their distribution, and what else."""

    noise: Tensor
    shares: Tensor
    more: Tensor


def draw(shape: torch.Size, rng: torch.Generator, num_more: int = 0) -> Drawn:
    number = shape[0]
    noise = torch.randn(*shape, generator=rng)
    order, places = torch.randperm(number, generator=rng), torch.rand(number, generator=rng)
    torch.rand(number, generator=rng)  # which sentences are left out
    more = torch.rand(number, num_more, generator=rng) if num_more else torch.empty(number, 0)
    return Drawn(noise, (order + places) / number, more)


def normal_quantile(shares: Tensor) -> Tensor:
    return math.sqrt(2) * torch.erfinv(2 * shares - 1)


def along(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1)


def flow(denoiser: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Liu et al. 2022: the mean squared error of the velocity, where the network says the image (Li & He 2025)."""
    drawn = draw(images.shape, rng)
    times = 1 / (1 + (-normal_quantile(drawn.shares)).exp())
    noisy = (1 - along(times)) * images + along(times) * drawn.noise
    velocity = (noisy - denoiser(noisy, [times])) / along(times)
    errors = (velocity - (drawn.noise - images)).pow(2)
    most = (100 * times.pow(2)).clamp(max=1)  # an image's squared error weighs at most a hundred times
    return (along(most) * errors).mean(dim=(1, 2, 3))


def ddpm(denoiser: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Nichol & Dhariwal 2021's cosine, with v of Salimans & Ho 2022."""
    drawn = draw(images.shape, rng)
    times = 1e-3 + (0.998 - 1e-3) * drawn.shares
    of = lambda time: math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2  # noqa: E731
    kept = along(torch.tensor([of(time) / of(0) for time in times.tolist()]))
    alpha, sigma = kept.sqrt(), (1 - kept).sqrt()
    noisy = alpha * images + sigma * drawn.noise
    return (denoiser(noisy, [times]) - (alpha * drawn.noise - sigma * images)).pow(2).mean(dim=(1, 2, 3))


def edm(denoiser: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Karras et al. 2022, table 1, with sigma_data = 1: lambda(sigma) |D(x + n) - x|^2, preconditioned."""
    drawn = draw(images.shape, rng)
    sigma = (-0.5 + 1.2 * normal_quantile(drawn.shares)).exp().clamp(0.002, 80.0)
    noisy = images + along(sigma) * drawn.noise
    total = along(sigma.pow(2) + 1)
    skip, out, scale = 1 / total, along(sigma) / total.sqrt(), 1 / total.sqrt()
    denoised = skip * noisy + out * denoiser(scale * noisy, [sigma.log() / 4])
    weight = (sigma.pow(2) + 1) / sigma.pow(2)
    return weight * (denoised - images).pow(2).mean(dim=(1, 2, 3))


def mean_flow(denoiser: Any, images: Tensor, rng: torch.Generator) -> Tensor:
    """Geng et al. 2025, algorithm 1, with p = 0.75: u is to be v - (t - r) du/dt."""
    drawn = draw(images.shape, rng, num_more=2)
    times = torch.sigmoid(normal_quantile(drawn.shares))
    below = torch.sigmoid(normal_quantile(drawn.shares * drawn.more[:, 0]))
    ends = torch.where(drawn.more[:, 1] < 0.5, times, below)
    noisy = (1 - along(times)) * images + along(times) * drawn.noise
    velocity = drawn.noise - images

    def mean(noisy: Tensor, times: Tensor) -> Tensor:
        return (noisy - denoiser(noisy, [times, times - ends])) / along(times)

    step = 1e-6  # in place of the product of a Jacobian and a vector
    with torch.no_grad():
        ahead = mean(noisy + step * velocity, times + step)
        behind = mean(noisy - step * velocity, times - step)
        target = velocity - along(times - ends) * (ahead - behind) / (2 * step)
    most = (100 * times.pow(2)).clamp(max=1)
    errors = (along(most) * (mean(noisy, times) - target).pow(2)).mean(dim=(1, 2, 3))
    return errors / (errors.detach() + 1e-3) ** 0.75


LOOPS: dict[str, tuple[tuple[str, ...], Callable[[Any, Tensor, torch.Generator], Tensor], float]] = {
    "flow": (("model=flow",), flow, 1e-5),
    "diffusion": (("model=ddpm",), ddpm, 1e-5),
    "edm": (("model=edm",), edm, 1e-5),
    "mean flow": (("model=mean_flow",), mean_flow, 1e-4),
}


def losses_of(loss: Callable[[Any, Tensor, torch.Generator], Tensor], denoiser: Any, images: list[Tensor], rng: Any):
    """The mean loss of each step of gradient descent."""
    optimizer = SGD(denoiser.parameters(), lr=0.02)
    spread = torch.cat(images).pow(2).mean().sqrt()
    for batch in images:
        value = loss(denoiser, batch / spread, rng).mean()
        optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimizer.step()
        yield float(value.detach())


@pytest.mark.parametrize("recipe", LOOPS)
def test_a_denoiser_learns_as_a_plain_loop_of_its_article(recipe):
    choices, loss, tolerance = LOOPS[recipe]
    overrides = (*DATA, *choices, *BUNDLE)
    system: Any = built(overrides)
    system.make_optimizer = partial(SGD, lr=0.02)
    denoiser, rng = copy.deepcopy(system.denoiser), torch.Generator()
    rng.set_state(system.rng.get_state())
    with double():
        plain = list(losses_of(loss, denoiser, [batch.images for batch in batches_of(overrides, STEPS)], rng))
    rows = taught(system, overrides, STEPS).figures
    assert [row["train/loss"] for row in rows] == pytest.approx(plain, rel=tolerance)
    assert plain[-1] < plain[0]
    pairs: Iterator[tuple[Tensor, Tensor]] = zip(system.denoiser.parameters(), denoiser.parameters(), strict=True)
    assert all((a - b).detach().norm() <= tolerance * a.detach().norm() + 1e-9 for a, b in pairs)
