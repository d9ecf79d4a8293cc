"""Compare our DCGAN training step (64 px, batch 8) with a plain PyTorch loop of the same networks, loss and optimiser.

`python benchmarks/dcgan_step.py` alternates the two step by step in one process and compares medians, so that other
programs slow both alike; their losses must agree to float tolerance for 20 steps. Our step is everything between two
batches under Lightning, including checks, gradient norms and logged figures. A second table shows the effect of CPU
settings.
"""

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from diptych.losses.adversarial import NonSaturating
from diptych.models.gan.dcgan import DCGANDiscriminator, DCGANGenerator
from diptych.runs.trainer import quiet
from diptych.systems.gan.system import GAN
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec

BATCH_SIZE, IMAGE_SIZE, LATENT_DIM = 8, 64, 100
COMPARED_STEPS, TIMED_STEPS, WARMUP_STEPS = 20, 40, 3
SPEC = DataSpec("noise", IMAGE_SIZE, 3, SPECIAL_TOKENS, max_length=2)
ADAM = partial(torch.optim.Adam, lr=2e-4, betas=(0.5, 0.999))
Losses = tuple[float, float]


class PlainLoop:
    """The plain PyTorch loop: generate, update D on real and fake pictures, update G, print the usual figures."""

    def __init__(self, generator: nn.Module, discriminator: nn.Module) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.objective = NonSaturating()
        self.optimizer_d, self.optimizer_g = ADAM(discriminator.parameters()), ADAM(generator.parameters())
        self.rng = torch.Generator().manual_seed(0)

    def step(self, images: Tensor) -> Losses:
        """One update of each network, with the article's figures."""
        fake = self.generator(torch.randn(len(images), LATENT_DIM, generator=self.rng))
        self.optimizer_d.zero_grad()
        real_logits, fake_logits = self.discriminator(images), self.discriminator(fake.detach())
        d_loss = self.objective.discriminator(real_logits, fake_logits).mean()
        d_loss.backward()
        self.optimizer_d.step()
        self.optimizer_g.zero_grad()
        fooled_logits = self.discriminator(fake)
        g_loss = self.objective.generator(fooled_logits, real_logits.detach()).mean()
        g_loss.backward()
        self.optimizer_g.step()
        _ = [logits.sigmoid().mean().item() for logits in (real_logits, fake_logits, fooled_logits)]
        return d_loss.item(), g_loss.item()


def without_sentences(images: Tensor) -> Batch:
    """A batch of images alone."""
    tokens = torch.zeros(len(images), 1, 2, dtype=torch.long)
    return Batch(images, tokens, tokens > 0)


@dataclass
class Turns(IterableDataset):
    """Batches for a fit; at every request for the next one, `other` runs one step. It keeps the seconds of both.

    Lightning requests one batch ahead: there is no step before the first request, so that time is left out.
    """

    batches: Sequence[Batch]
    other: Callable[[Batch], Any] | None = None
    ours: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)

    def __iter__(self) -> Iterator[Batch]:
        for number, batch in enumerate(self.batches):
            started = perf_counter()
            yield batch
            if number > 0:
                self.ours.append(perf_counter() - started)
            if self.other:
                started = perf_counter()
                self.other(batch)
                self.others.append(perf_counter() - started)


class LossRecord(Callback):
    """The two losses of each of our steps."""

    def __init__(self) -> None:
        self.losses: list[Losses] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        figures = trainer.callback_metrics
        self.losses.append((float(figures["train/d_loss"]), float(figures["train/g_loss"])))


@dataclass(frozen=True)
class Setting:
    """A way to run the same training on a processor."""

    name: str
    threads: int | None = None
    channels_last: bool = False
    precision: Any = "32-true"
    flush_denormal: bool = False
    fused: bool = False


def make_gan(fused: bool = False) -> GAN:
    """The articles' networks and recipe."""
    torch.manual_seed(0)
    adam = partial(ADAM, fused=True) if fused else ADAM
    return GAN(
        data_spec=SPEC,
        generator=DCGANGenerator(),
        discriminator=DCGANDiscriminator(),
        objective=NonSaturating(),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )


def make_images(num_batches: int) -> list[Tensor]:
    """Noise as pictures."""
    rng = torch.Generator().manual_seed(1)
    return [torch.rand(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE, generator=rng) * 2 - 1 for _ in range(num_batches)]


def fit(gan: GAN, turns: Turns, callbacks: Sequence[Callback] = (), precision: Any = "32-true") -> None:
    """Train like a run, without writing files."""
    with quiet():
        trainer = Trainer(
            accelerator="cpu",
            precision=precision,
            max_epochs=1,
            callbacks=list(callbacks),
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(gan, DataLoader(turns, batch_size=None))


def compare_with_plain_loop() -> tuple[float, float, float]:
    """Median milliseconds of our step and of the plain one, and the largest difference of their losses."""
    gan = make_gan()
    plain = PlainLoop(copy.deepcopy(gan.generator).train(), copy.deepcopy(gan.discriminator).train())
    theirs: list[Losses] = []
    batches = list(map(without_sentences, make_images(WARMUP_STEPS + TIMED_STEPS)))
    turns = Turns(batches, other=lambda batch: theirs.append(plain.step(batch.images)))
    record = LossRecord()
    fit(gan, turns, [record])
    ours, others = torch.tensor(record.losses[:COMPARED_STEPS]), torch.tensor(theirs[:COMPARED_STEPS])
    difference = float(((ours - others).abs() / others.abs()).max())
    return *(1e3 * median(times[WARMUP_STEPS:]) for times in (turns.ours, turns.others)), difference


def time_settings(settings: Sequence[Setting], rounds: int = 5, steps: int = 8) -> list[float]:
    """Median milliseconds of our step in each setting; the settings alternate round by round."""
    images, seconds = make_images(steps), [[] for _ in settings]
    threads = torch.get_num_threads()
    for _ in range(rounds):
        for setting, times in zip(settings, seconds, strict=True):
            torch.set_num_threads(setting.threads or threads)
            torch.set_flush_denormal(setting.flush_denormal)
            gan, turns = make_gan(setting.fused), Turns(list(map(without_sentences, images)))
            if setting.channels_last:
                gan = gan.to(memory_format=torch.channels_last)
            fit(gan, turns, precision=setting.precision)
            times += turns.ours[2:]
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    return [1e3 * median(times) for times in seconds]


def settings_here() -> list[Setting]:
    """Each setting alone, then the recommended ones together."""
    cores = os.cpu_count() or 1
    return [
        Setting("as configured by default"),
        *(Setting(f"trainer.threads={n}", threads=n) for n in sorted({1, cores})),
        Setting("networks in channels_last", channels_last=True),
        Setting("trainer.precision=bf16-mixed", precision="bf16-mixed"),
        Setting("torch.set_flush_denormal(True)", flush_denormal=True),
        Setting("optimisers fused=true", fused=True),
        Setting("channels_last and fused", channels_last=True, fused=True),
        Setting("channels_last, fused, bf16-mixed", channels_last=True, fused=True, precision="bf16-mixed"),
    ]


def main() -> None:
    ours, plain, difference = compare_with_plain_loop()
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"DCGAN {IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} steps taken in turns.\n")
    print("| training step | ms | steps/s | throughput |\n| --- | ---: | ---: | ---: |")
    print(f"| plain PyTorch loop | {plain:.1f} | {1e3 / plain:.2f} | 1.000 |")
    print(f"| diptych, Lightning | {ours:.1f} | {1e3 / ours:.2f} | {plain / ours:.3f} |")
    print(f"\nLosses of the first {COMPARED_STEPS} steps differ by at most {difference:.1e} of themselves.\n")
    settings = settings_here()
    base, *_ = times = time_settings(settings)
    print("| our step with | ms | throughput |\n| --- | ---: | ---: |")
    for setting, time in zip(settings, times, strict=True):
        print(f"| {setting.name} | {time:.1f} | {base / time:.2f} |")


if __name__ == "__main__":
    main()
