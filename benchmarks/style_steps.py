"""Compare the training steps of BigGAN and StyleGAN2 with plain PyTorch loops of the same networks and mathematics.

`python benchmarks/style_steps.py` takes turns with each loop batch by batch in one process and compares medians over
cycles, so that other programs slow both alike; losses must agree to float tolerance. Images are noise of 32 px in
batches of 64, without sentences and averages.
"""

import copy
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.parametrize import cached

from dcgan_step import Turns, fit
from diptych.config.composition import compose
from diptych.runs.build import build_system
from diptych.types import SPECIAL_TOKENS, DataSpec

BATCH_SIZE, IMAGE_SIZE = 64, 32
CYCLE = 16  # of lazy regularisation
WARMUP_STEPS, TIMED_STEPS = CYCLE, 2 * CYCLE
SPEC = DataSpec("noise", IMAGE_SIZE, 3, SPECIAL_TOKENS, max_length=2)
NO_DATA = ("data=scenes_small", "schedule=constant", "system.ema_half_life_images=null")

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


def biggan(game: Game, real: Tensor, number: int) -> Losses:
    """Brock et al. 2019: hinge, two steps of the discriminator to one of the generator."""
    generates = number % 2 == 0
    with torch.set_grad_enabled(generates):
        fake = game.generator(game.latents(len(real)))
    with cached():
        real_logits, fake_logits = game.discriminator(real), game.discriminator(fake.detach())
    d_loss = F.relu(1 - real_logits).mean() + F.relu(1 + fake_logits).mean()
    _descend(game.of_discriminator, d_loss)
    if not generates:
        return {"d_loss": d_loss}
    game.discriminator.eval()
    g_loss = -game.discriminator(fake).mean()
    game.discriminator.train()
    _descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


def stylegan2(game: Game, real: Tensor, number: int) -> Losses:
    """Karras et al. 2020: cross-entropy, non-saturating, R1 with gamma 0.01 at every sixteenth step."""
    fake = game.generator(game.latents(len(real)))
    real = real.detach().requires_grad_(number % 16 == 0)
    real_logits = game.discriminator(real)
    loss = d_loss = F.softplus(-real_logits).mean() + F.softplus(game.discriminator(fake.detach())).mean()
    if number % 16 == 0:
        (slopes,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        loss = d_loss + 16 * 0.01 / 2 * slopes.square().sum(dim=(1, 2, 3)).mean()
    _descend(game.of_discriminator, loss)
    g_loss = F.softplus(-game.discriminator(fake)).mean()
    _descend(game.of_generator, g_loss)
    return {"d_loss": d_loss, "g_loss": g_loss}


class PlainLoop:
    """The loop over batches; its losses are numbers at every step, as a log has them."""

    def __init__(self, gan: Any, batch: Callable[[Game, Tensor, int], Losses]) -> None:
        generator, discriminator = (copy.deepcopy(network).train() for network in (gan.generator, gan.discriminator))
        make_discriminators, make_generators = gan.make_optimizers
        rng = torch.Generator()
        rng.set_state(gan.rng.get_state())
        optimizers = make_generators(generator.parameters()), make_discriminators(discriminator.parameters())
        self.game, self.batch = Game(generator, discriminator, *optimizers, rng), batch
        self.losses: list[dict[str, float]] = []

    def step(self, images: Tensor) -> None:
        """One batch."""
        losses = self.batch(self.game, images, len(self.losses) + 1)
        self.losses.append({name: float(loss.detach()) for name, loss in losses.items()})


class LossRecord(Callback):
    """All that each of our steps logged."""

    def __init__(self) -> None:
        self.losses: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.losses.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def compare(batch: Callable[[Game, Tensor, int], Losses]) -> tuple[float, float, float]:
    """Median milliseconds of a batch here and in the plain loop, and the largest difference of their losses."""
    torch.manual_seed(0)
    gan: Any = build_system(compose([f"model={batch.__name__}", *NO_DATA]), SPEC, {})
    plain, record = PlainLoop(gan, batch), LossRecord()
    rng = torch.Generator().manual_seed(1)
    shape = (BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE)
    images = [torch.rand(shape, generator=rng) * 2 - 1 for _ in range(WARMUP_STEPS + TIMED_STEPS)]
    turns = Turns(images, other=plain.step)
    fit(gan, turns, [record])
    pairs = [
        (own[f"train/{name}"], loss)
        for own, other in zip(record.losses, plain.losses, strict=True)
        for name, loss in other.items()
    ]
    difference = max(abs(own - loss) / max(abs(loss), 1e-3) for own, loss in pairs)
    return _a_batch(turns.ours), _a_batch(turns.others), difference


def _a_batch(seconds: list[float]) -> float:
    """Milliseconds: the mean of medians, one for each place in a cycle of two steps, as the generator learns in one."""
    timed = seconds[WARMUP_STEPS:]
    return 1e3 * sum(median(timed[place::2]) for place in range(2)) / 2


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """Only the optimiser's own weights get gradients."""
    optimizer.zero_grad()
    loss.backward(inputs=[weight for group in optimizer.param_groups for weight in group["params"]])
    optimizer.step()


def main() -> None:
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"{IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} batches taken in turns.\n")
    print(
        "| bundle | diptych, ms | plain loop, ms | throughput | losses differ by |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for batch in (biggan, stylegan2):
        ours, plain, difference = compare(batch)
        print(f"| {batch.__name__} | {ours:.1f} | {plain:.1f} | {plain / ours:.3f} | {difference:.0e} |", flush=True)


if __name__ == "__main__":
    main()
