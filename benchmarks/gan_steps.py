"""Compare the training step of each GAN bundle with a plain PyTorch loop of the same networks and mathematics.

`python benchmarks/gan_steps.py [BUNDLE …]` takes turns with the loop step by step in one process and compares medians,
so that other programs slow both alike; losses must agree to float tolerance. Images are noise of 32 px in batches of
64, without sentences and averages. A bundle is an entry in `BUNDLES`: its overrides, and its loop for one batch.
"""

import copy
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.nn import functional as F

from dcgan_step import Turns, fit
from diptych.config.composition import compose
from diptych.runs.build import build_system
from diptych.systems.gan.system import GAN
from diptych.types import SPECIAL_TOKENS, DataSpec

BATCH_SIZE, IMAGE_SIZE = 64, 32
WARMUP_STEPS, TIMED_STEPS = 5, 20
SPEC = DataSpec("noise", IMAGE_SIZE, 3, SPECIAL_TOKENS, max_length=2)
NO_DATA = ("data=scenes_small", "schedule=constant", "system.ema_half_life_images=null")

Losses = dict[str, float]


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
    """What is measured: a configuration, and one batch of the plain loop; it returns the losses."""

    overrides: tuple[str, ...]
    batch: Callable[[Game, Tensor, int], dict[str, Tensor]]


def dcgan(game: Game, real: Tensor, number: int) -> dict[str, Tensor]:
    """Radford et al. 2016: cross-entropy, non-saturating."""
    fake = game.generator(game.latents(len(real)))
    d_loss = F.softplus(-game.discriminator(real)).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    _descend(game.of_discriminator, d_loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    _descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def wgan_gp(game: Game, real: Tensor, number: int) -> dict[str, Tensor]:
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
    _descend(game.of_discriminator, d_loss + 10 * penalty)
    if not generates:
        return {"d_loss": d_loss}
    g_loss = -game.discriminator(fake).mean()
    _descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def r3gan(game: Game, real: Tensor, number: int) -> dict[str, Tensor]:
    """Huang et al. 2024: relativistic pairs, R1 and R2 at every step, gamma 0.05."""
    fake = game.generator(game.latents(len(real)))
    real_leaf, fake_leaf = (images.detach().requires_grad_() for images in (real, fake))
    real_logits, fake_logits = game.discriminator(real_leaf), game.discriminator(fake_leaf)
    r1, r2 = (_squared_slope(*pair) for pair in ((real_logits, real_leaf), (fake_logits, fake_leaf)))
    d_loss = F.softplus(fake_logits - real_logits).mean()
    _descend(game.of_discriminator, d_loss + 0.05 / 2 * (r1 + r2))
    with torch.no_grad():
        real_logits = game.discriminator(real)
    g_loss = F.softplus(real_logits - game.discriminator(fake)).mean()
    _descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


BUNDLES = {
    "dcgan": Bundle(("model=dcgan", "generator.width=32", "discriminator.width=32"), dcgan),
    "wgan_gp": Bundle(("model=wgan_gp",), wgan_gp),
    "r3gan": Bundle(("model=r3gan", "~schedule.final"), r3gan),
}


class PlainLoop:
    """The loop over batches, with its losses as numbers at every step, as a log has them."""

    def __init__(self, gan: GAN, bundle: Bundle) -> None:
        generator, discriminator = (copy.deepcopy(net).train() for net in (gan.generator, gan.discriminator))
        make_discriminators, make_generators = gan.make_optimizers
        rng = torch.Generator()
        rng.set_state(gan.rng.get_state())
        optimizers = make_generators(generator.parameters()), make_discriminators(discriminator.parameters())
        self.game, self.batch = Game(generator, discriminator, *optimizers, rng), bundle.batch
        self.losses: list[Losses] = []

    def step(self, images: Tensor) -> None:
        """One batch."""
        losses = self.batch(self.game, images, len(self.losses) + 1)
        self.losses.append({name: float(loss.detach()) for name, loss in losses.items()})


class LossRecord(Callback):
    """The losses of each of our steps."""

    def __init__(self) -> None:
        self.losses: list[Losses] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        figures = trainer.callback_metrics
        names = [name for name in ("d_loss", "g_loss") if f"train/{name}" in figures]
        self.losses.append({name: float(figures[f"train/{name}"]) for name in names})


def compare(bundle: Bundle) -> tuple[float, float, float]:
    """Median milliseconds of a batch here and in the plain loop, and the largest difference of their losses."""
    torch.manual_seed(0)
    gan: Any = build_system(compose([*bundle.overrides, *NO_DATA]), SPEC, {})
    plain, record = PlainLoop(gan, bundle), LossRecord()
    rng = torch.Generator().manual_seed(1)
    shape = (BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE)
    images = [torch.rand(shape, generator=rng) * 2 - 1 for _ in range(WARMUP_STEPS + TIMED_STEPS)]
    turns = Turns(images, other=plain.step)
    fit(gan, turns, [record])
    ours, others = (1e3 * _a_batch(times) for times in (turns.ours, turns.others))
    return ours, others, _largest_difference(record.losses, plain.losses)


def _a_batch(seconds: list[float]) -> float:
    """The mean of five medians, one for each place in a cycle of five steps; the generator may learn at one of them."""
    timed = seconds[WARMUP_STEPS:]
    return sum(median(timed[place::5]) for place in range(5)) / 5


def _largest_difference(ours: list[Losses], others: list[Losses]) -> float:
    """As a share of the other's loss, at every step at which the other has it."""
    pairs = [(own[name], loss) for own, other in zip(ours, others, strict=True) for name, loss in other.items()]
    return max(abs(own - loss) / max(abs(loss), 1e-3) for own, loss in pairs)


def _squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.square().sum(dim=(1, 2, 3)).mean()


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Only the optimiser's own weights get gradients."""
    optimizer.zero_grad()
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    loss.backward(inputs=weights)
    optimizer.step()


def main() -> None:
    chosen = sys.argv[1:] or list(BUNDLES)
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"{IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} batches taken in turns.\n")
    print(
        "| bundle | diptych, ms | plain loop, ms | throughput | losses differ by |\n| --- | ---: | ---: | ---: | ---: |"
    )
    started = perf_counter()
    for name in chosen:
        ours, plain, difference = compare(BUNDLES[name])
        print(f"| {name} | {ours:.1f} | {plain:.1f} | {plain / ours:.3f} | {difference:.0e} |", flush=True)
    print(f"\n{perf_counter() - started:.0f} seconds.")


if __name__ == "__main__":
    main()
