"""Compare the training step of diffusion and flow with plain PyTorch loops of the same networks and mathematics.

`python benchmarks/denoising_steps.py [BUNDLE …]` takes turns with the loop step by step in one process and compares
medians, so that other programs slow both alike; the losses of the first five batches must agree to float tolerance.
Images are noise of 32 px in batches of 64, each with a sentence of ten letters, a tenth of which are left out; there
are no averages of weights.
"""

import copy
import math
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from dcgan_step import Turns, fit
from diptych.config.composition import compose
from diptych.runs.build import build_system
from diptych.types import Batch, TextFeatures
from gan_steps import BATCH_SIZE, COMPARED_STEPS, IMAGE_SIZE, SPEC, WARMUP_STEPS, with_sentences

TIMED_STEPS = 15
NO_DATA = ("data=scenes_small", "schedule=constant", "text_encoder=gru", "system.average_lengths=[]")
LARGEST_NORM = 1.0


class Drawn(NamedTuple):
    """What a step draws: noise, shares of the distribution of times, and which sentences are left out."""

    noise: Tensor
    shares: Tensor
    dropped: Tensor
    more: Tensor


Loss = Callable[[Any, Tensor, Drawn, TextFeatures], Tensor]


def flow(denoiser: Any, images: Tensor, drawn: Drawn, text: TextFeatures) -> Tensor:
    """The velocity's squared error, where the network says the image."""
    times = along(logit_normal(drawn.shares))
    noisy = torch.lerp(images, drawn.noise, times)
    guess = denoiser(noisy, [times.flatten()], text)
    return (1 / times.square()).clamp(max=100).flatten() * (guess - images).square().flatten(1).mean(1)


def ddpm(denoiser: Any, images: Tensor, drawn: Drawn, text: TextFeatures) -> Tensor:
    """A cosine of noise, v."""
    times = 1e-3 + (0.998 - 1e-3) * drawn.shares
    rate = math.pi / 2 / 1.008
    alpha = along((rate * (times + 0.008)).cos() / math.cos(rate * 0.008))
    sigma = (1 - alpha.square()).sqrt()
    said = denoiser(alpha * images + sigma * drawn.noise, [times], text)
    return (said - (alpha * drawn.noise - sigma * images)).square().flatten(1).mean(1)


def edm(denoiser: Any, images: Tensor, drawn: Drawn, text: TextFeatures) -> Tensor:
    """Preconditioned, with sigma_data = 1."""
    sigma = along((-0.5 + 1.2 * torch.special.ndtri(drawn.shares)).exp().clamp(0.002, 80.0))
    total = (sigma.square() + 1).sqrt()
    noisy = images + sigma * drawn.noise
    said = denoiser(noisy / total, [sigma.flatten().log() / 4], text)
    return (said - (images - noisy / total.square()) * total / sigma).square().flatten(1).mean(1)


def mean_flow(denoiser: Any, images: Tensor, drawn: Drawn, text: TextFeatures) -> Tensor:
    """The average velocity's identity, by a Jacobian-vector product."""
    times = logit_normal(drawn.shares)
    below = logit_normal((drawn.shares * drawn.more[:, 0]).clamp_min(1e-5))
    ends = torch.where(drawn.more[:, 1] < 0.5, times, below)
    noisy, velocity = torch.lerp(images, drawn.noise, along(times)), drawn.noise - images

    def mean(noisy: Tensor, times: Tensor) -> Tensor:
        return (noisy - denoiser(noisy, [times, times - ends], text)) / along(times)

    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        said, slope = torch.func.jvp(mean, (noisy, times), (velocity, torch.ones_like(times)))
    target = (velocity - along(times - ends) * slope).detach()
    errors = (100 * times.square()).clamp(max=1) * (said - target).square().flatten(1).mean(1)
    return errors / (errors.detach() + 1e-3) ** 0.75


LOOPS: dict[str, Loss] = {"flow": flow, "ddpm": ddpm, "edm": edm, "mean_flow": mean_flow}


class PlainLoop:
    """The loop over batches, with its loss as a number at every step, as a log has it."""

    def __init__(self, system: Any, loss: Loss, spread: Tensor) -> None:
        self.denoiser, self.reads = copy.deepcopy(system.denoiser).train(), copy.deepcopy(system.text_encoder).train()
        parameters = [list(network.parameters()) for network in (self.denoiser, self.reads)]
        self.parameters = [weight for some in parameters for weight in some]
        self.optimizer = system.make_optimizer([{"params": some} for some in parameters])
        self.rng = torch.Generator()
        self.rng.set_state(system.rng.get_state())
        self.loss, self.spread, self.losses = loss, spread, []
        self.num_more = getattr(system.times, "num_more", 0)

    def step(self, batch: Batch) -> None:
        """One batch."""
        number = len(batch)
        caption = batch.pick(torch.randint(batch.tokens.shape[1], (number,), generator=self.rng))
        noise = torch.randn(batch.images.shape, generator=self.rng)
        order, places = torch.randperm(number, generator=self.rng), torch.rand(number, generator=self.rng)
        dropped = torch.rand(number, generator=self.rng) < 0.1
        more = torch.rand(number, self.num_more, generator=self.rng) if self.num_more else torch.empty(number, 0)
        drawn = Drawn(noise, ((order + places) / number).clamp(1e-5, 1 - 1e-5), dropped, more)
        text = self.denoiser.null.in_place_of(self.reads(caption), dropped)
        value = self.loss(self.denoiser, batch.images / self.spread, drawn, text).mean()
        self.optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, LARGEST_NORM)
        self.optimizer.step()
        self.losses.append(float(value.detach()))


class LossRecord(Callback):
    """The loss of each of our steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        self.losses.append(float(trainer.callback_metrics["train/loss"]))


def along(values: Tensor) -> Tensor:
    return values.view(-1, 1, 1, 1)


def logit_normal(shares: Tensor) -> Tensor:
    return torch.sigmoid(torch.special.ndtri(shares))


def compare(name: str) -> tuple[float, float, float]:
    """Median milliseconds of a batch here and in the plain loop, and the largest difference of their losses."""
    torch.manual_seed(0)
    system: Any = build_system(compose([f"model={name}", *NO_DATA]), SPEC, {})
    rng = torch.Generator().manual_seed(1)
    shape = (BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE)
    images = [torch.rand(shape, generator=rng) * 2 - 1 for _ in range(WARMUP_STEPS + TIMED_STEPS)]
    system.image_std.fill_(1.0)
    plain, record = PlainLoop(system, LOOPS[name], torch.ones(())), LossRecord()
    turns = Turns([with_sentences(each, rng) for each in images], other=plain.step)
    fit(system, turns, [record])
    ours, others = (1e3 * median(times[WARMUP_STEPS:]) for times in (turns.ours, turns.others))
    pairs = zip(record.losses[:COMPARED_STEPS], plain.losses[:COMPARED_STEPS], strict=True)
    return ours, others, max(abs(own - other) / abs(other) for own, other in pairs)


def main() -> None:
    chosen = sys.argv[1:] or list(LOOPS)
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"{IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} batches, in turns.\n")
    print(
        "| bundle | diptych, ms | plain loop, ms | throughput | losses differ by |\n| --- | ---: | ---: | ---: | ---: |"
    )
    started = perf_counter()
    for name in chosen:
        ours, plain, difference = compare(name)
        print(f"| {name} | {ours:.1f} | {plain:.1f} | {plain / ours:.3f} | {difference:.0e} |", flush=True)
    print(f"\n{perf_counter() - started:.0f} seconds.")


if __name__ == "__main__":
    main()
