"""Compare the training step of each GAN bundle with a plain PyTorch loop of the same networks and mathematics.

`python benchmarks/gan_steps.py [BUNDLE …]` takes turns with the loop step by step in one process and compares medians,
so that other programs slow both alike; the losses of the first five batches, or of the first cycle, must agree to float
tolerance (later ones drift apart by rounding). Images are noise of 32 px in batches of 64; sentences are ten letters,
for those that read any; there are no averages of weights. A bundle is an entry of `gan_loops.BUNDLES`.
"""

import copy
import sys
from statistics import median
from time import perf_counter
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor

from dcgan_step import Turns, fit
from diptych.config.composition import compose
from diptych.runs.build import build_system
from diptych.systems.gan.system import GAN
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec
from gan_loops import BUNDLES, Bundle, Game

BATCH_SIZE, IMAGE_SIZE = 64, 32
COMPARED_STEPS, WARMUP_STEPS, TIMED_STEPS, TIMED_CYCLES = 5, 5, 20, 3
"""At least; a lazy step is measured as often as its cycle comes round."""
LETTERS, LENGTH = "abcdefghijklmnopqrstuvwxyz", 10
SPEC = DataSpec("noise", IMAGE_SIZE, 3, (*SPECIAL_TOKENS, *LETTERS), max_length=LENGTH)
NO_DATA = ("data=scenes_small", "schedule=constant", "system.ema_half_life_images=null")

Losses = dict[str, float]


class PlainLoop:
    """The loop over batches, with its losses as numbers at every step, as a log has them."""

    def __init__(self, gan: GAN, bundle: Bundle) -> None:
        pairs: Any = ((gan.generator, gan.text_encoder), (gan.discriminator, gan.discriminator_text_encoder))
        generators, discriminators = (
            [copy.deepcopy(net).train() if net else torch.nn.Identity() for net in pair] for pair in pairs
        )
        make_discriminators, make_generators = gan.make_optimizers
        rng = torch.Generator()
        rng.set_state(gan.rng.get_state())
        optimizers = [
            make([{"params": list(net.parameters())} for net in networks if list(net.parameters())])
            for make, networks in ((make_generators, generators), (make_discriminators, discriminators))
        ]
        networks, readers = zip(generators, discriminators, strict=True)
        self.game, self.batch = Game(*networks, *optimizers, rng, *readers), bundle.batch
        self.losses: list[Losses] = []

    def step(self, batch: Batch) -> None:
        """One batch."""
        losses = self.batch(self.game, batch, len(self.losses) + 1)
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
    warmup, timed = max(WARMUP_STEPS, bundle.cycle), max(TIMED_STEPS, TIMED_CYCLES * bundle.cycle)
    images = [torch.rand(shape, generator=rng) * 2 - 1 for _ in range(warmup + timed)]
    turns = Turns([with_sentences(each, rng) for each in images], other=plain.step)
    fit(gan, turns, [record])
    ours, others = (1e3 * _a_batch(times[warmup:], bundle.cycle) for times in (turns.ours, turns.others))
    compared = max(COMPARED_STEPS, bundle.cycle)
    return ours, others, _largest_difference(record.losses[:compared], plain.losses[:compared])


def with_sentences(images: Tensor, rng: torch.Generator) -> Batch:
    """Images with a sentence of random letters each."""
    letters = torch.randint(len(LETTERS), (len(images), 1, LENGTH), generator=rng)
    texts = tuple((" ".join(LETTERS[i] for i in row[0]),) for row in letters.tolist())
    tokens = letters + len(SPECIAL_TOKENS)
    return Batch(images, tokens, tokens > 0, texts)


def _a_batch(seconds: list[float], cycle: int) -> float:
    """The mean of medians, one for each place in the cycle."""
    return sum(median(seconds[place::cycle]) for place in range(cycle)) / cycle


def _largest_difference(ours: list[Losses], others: list[Losses]) -> float:
    """As a share of the other's loss, at every step at which the other has it."""
    pairs = [(own[name], loss) for own, other in zip(ours, others, strict=True) for name, loss in other.items()]
    return max(abs(own - loss) / max(abs(loss), 1e-3) for own, loss in pairs)


def main() -> None:
    chosen = sys.argv[1:] or list(BUNDLES)
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"{IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} batches or more, in turns.\n")
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
