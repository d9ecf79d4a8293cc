"""Compare the training step of autoencoders, the VAE and priors with plain PyTorch loops of the same mathematics.

`python benchmarks/latent_steps.py [BUNDLE …]` takes turns with the loop step by step in one process and compares
medians, so that other programs slow both alike; the losses of the first five batches must agree to float tolerance.
Images are noise of 32 px in batches of 64, each with a sentence of ten letters, of which none is left out; there are no
averages of weights. Last, `cached` generates codes of a grid of 8x8 with and without keeping keys and values.
"""

import copy
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor
from torch.nn import functional as F

from dcgan_step import Turns, fit
from diptych.config.composition import compose
from diptych.runs.build import build_system
from diptych.types import Batch, TextFeatures
from gan_steps import BATCH_SIZE, COMPARED_STEPS, IMAGE_SIZE, SPEC, WARMUP_STEPS, with_sentences

TIMED_STEPS = 15
NO_DATA = ("data=scenes_small", "schedule=constant")
READING = ("text_encoder=gru", "system.ema_half_life_images=null")
PART = ("parts.autoencoder.run=nobody",)
LARGEST_NORM = 1.0
LOSSES = ("reconstruction_loss", "kl_loss", "commitment_loss", "latent_prior_loss", "code_nll")
VALUES = 3 * IMAGE_SIZE**2

Loss = Callable[[Any, Tensor, TextFeatures | None, torch.Generator], tuple[Tensor, Tensor]]
"""What to descend, and the plain sum of what our log has."""


def kl_autoencoder(
    system: Any, images: Tensor, text: TextFeatures | None, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Squared errors and a millionth of the divergence."""
    noise = torch.randn(len(images), 4, 8, 8, generator=rng)
    mean, log_variance = system.bottleneck.moments(system.encoder(images)).chunk(2, dim=1)
    made = system.decoder(mean + noise * (0.5 * log_variance).exp())
    error = F.mse_loss(made, images)
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).flatten(1).sum(1).mean() / VALUES
    return error + 1e-6 * kl, error + kl


class VQVAE:
    """Nearest codes of length 1, moving averages, and codes that begin again."""

    def __init__(self, system: Any) -> None:
        book = system.bottleneck
        self.codes, self.counts, self.sums = book.codebook.clone(), book.code_counts.clone(), book.code_sums.clone()

    def __call__(
        self, system: Any, images: Tensor, text: TextFeatures | None, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        places = F.normalize(system.bottleneck.project(system.encoder(images)), dim=1)
        rows = places.detach().permute(0, 2, 3, 1).flatten(0, 2)
        nearest = (rows @ self.codes.T).argmax(1)
        chosen = self.codes[nearest].unflatten(0, (len(images), 8, 8)).permute(0, 3, 1, 2)
        error = F.mse_loss(system.decoder(places + (chosen - places).detach()), images)
        commitment = (places - chosen).square().sum(1).mean()
        counts = torch.bincount(nearest, minlength=len(self.codes)).to(rows)
        self.counts.lerp_(counts, 0.01)
        self.sums.lerp_(torch.zeros_like(self.sums).index_add_(0, nearest, rows), 0.01)
        even = self.counts.sum() / len(self.counts)
        unused = (self.counts < 0.02 * even).nonzero()[:, 0]
        if len(unused):
            errors = (rows - self.codes[nearest]).square().sum(1)
            unused = unused[: int(errors.count_nonzero())]
            again = torch.multinomial(errors, len(unused), generator=rng)
            self.counts[unused] = 0.02 * even
            self.sums[unused] = 0.02 * even * rows[again]
        self.codes = F.normalize(self.sums, dim=1)
        return error + 0.25 * commitment, error + commitment


def vae(system: Any, images: Tensor, text: TextFeatures | None, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The bound, and a flow over the latents."""
    shape = (len(images), system.generator.latent_dim)
    noise, prior_noise = torch.randn(shape, generator=rng), torch.randn(shape, generator=rng)
    times = torch.rand(len(images), 1, generator=rng)
    mean, log_variance = system.latent_encoder(images, text)
    latents = mean + noise * (0.5 * log_variance).exp()
    log_std = system.likelihood.log_std
    errors = ((system.generator(latents, text) - images) * (-log_std).exp()).square()
    nll = (0.5 * errors + log_std + 0.9189385332).mean()
    kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean() / VALUES
    fixed, told = latents.detach(), TextFeatures(*(part.detach() for part in text)) if text else None
    velocity = system.latent_prior(torch.lerp(fixed, prior_noise, times), times[:, 0], told)
    whole = nll + kl + (velocity - prior_noise + fixed).square().mean()
    return whole, whole


def prior(system: Any, images: Tensor, text: TextFeatures | None, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cross-entropy of every code, given those before it."""
    torch.rand(len(images), generator=rng)
    codes = system.autoencoder.network.codes(images).flatten(1)
    whole = F.cross_entropy(system.prior(codes, text).flatten(0, 1), codes.flatten())
    return whole, whole


def masked_prior(system: Any, images: Tensor, text: TextFeatures | None, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Cross-entropy of hidden codes."""
    torch.rand(len(images), generator=rng)
    uniform = torch.rand(len(images), 65, generator=rng)
    codes = system.autoencoder.network.codes(images).flatten(1)
    number = (uniform[:, :1].acos() * (2 / torch.pi) * 64).ceil().clamp_min(1)
    hidden = uniform[:, 1:].argsort(1).argsort(1) < number
    nll = F.cross_entropy(system.prior(codes, hidden, text).transpose(1, 2), codes, reduction="none")
    whole = ((nll * hidden).sum(1) / number[:, 0]).mean()
    return whole, whole


BUNDLES: dict[str, tuple[tuple[str, ...], Callable[[Any], Loss]]] = {
    "kl_autoencoder": ((), lambda system: kl_autoencoder),
    "vqvae": ((), VQVAE),
    "vae": (READING, lambda system: vae),
    "prior": ((*READING, *PART), lambda system: prior),
    "masked_prior": ((*READING, *PART), lambda system: masked_prior),
}


class PlainLoop:
    """The loop over batches, with its losses as a number at every step, as a log has them."""

    def __init__(self, system: Any, loss: Loss) -> None:
        self.system = copy.deepcopy(system).train()
        self.parameters = [weight for weight in self.system.parameters() if weight.requires_grad]
        self.optimizer = system.make_optimizer([{"params": self.parameters}])
        self.rng = torch.Generator()
        self.rng.set_state(system.rng.get_state())
        self.loss, self.losses = loss, []

    def step(self, batch: Batch) -> None:
        """One batch."""
        reads, text = getattr(self.system, "text_encoder", None), None
        if reads is not None:
            text = reads(batch.pick(torch.randint(batch.tokens.shape[1], (len(batch),), generator=self.rng)))
        value, logged = self.loss(self.system, batch.images, text, self.rng)
        self.optimizer.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, LARGEST_NORM)
        self.optimizer.step()
        self.losses.append(float(logged.detach()))


class LossRecord(Callback):
    """The sum of the losses of each of our steps."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        logged = trainer.callback_metrics
        self.losses.append(sum(float(logged[f"train/{name}"]) for name in LOSSES if f"train/{name}" in logged))


def with_sentences_and_codes(name: str) -> Any:
    """A new system; a prior's autoencoder is new as well, and its codes are begun from noise."""
    torch.manual_seed(0)
    choices, _ = BUNDLES[name]
    parts = {"autoencoder": with_sentences_and_codes("vqvae")} if PART[0] in choices else {}
    system: Any = build_system(compose([f"model={name}", *NO_DATA, *choices]), SPEC, parts)
    if name == "vqvae":
        images = torch.rand(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE) * 2 - 1
        with torch.no_grad():
            system.bottleneck.begin(system.encoder(images), system.rng)
    return system


def compare(name: str) -> tuple[float, float, float]:
    """Median milliseconds of a batch here and in the plain loop, and the largest difference of their losses."""
    system, rng = with_sentences_and_codes(name), torch.Generator().manual_seed(1)
    system.text_dropout = 0.0
    shape = (BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE)
    images = [torch.rand(shape, generator=rng) * 2 - 1 for _ in range(WARMUP_STEPS + TIMED_STEPS)]
    plain, record = PlainLoop(system, BUNDLES[name][1](system)), LossRecord()
    turns = Turns([with_sentences(each, rng) for each in images], other=plain.step)
    fit(system, turns, [record])
    ours, others = (1e3 * median(times[WARMUP_STEPS:]) for times in (turns.ours, turns.others))
    pairs = zip(record.losses[:COMPARED_STEPS], plain.losses[:COMPARED_STEPS], strict=True)
    return ours, others, max(abs(own - other) / abs(other) for own, other in pairs)


@torch.no_grad()
def cached(number: int = 16, rounds: int = 3) -> tuple[float, float]:
    """Median seconds for the codes of so many images, keeping keys and values, and computing all anew for each code."""
    network = with_sentences_and_codes("prior").prior.eval()
    rng = torch.Generator().manual_seed(2)
    sentence, word = network.prefix.of_sentence.in_features, network.prefix.of_words.in_features
    words, mask = torch.randn(number, 12, word, generator=rng), torch.ones(number, 12, dtype=torch.bool)
    text = TextFeatures(torch.randn(number, sentence, generator=rng), words, mask)
    kept, anew = [], []
    for _ in range(rounds):
        started = perf_counter()
        heard, last = network.begin(text, number), None
        for _ in range(network.num_places):
            logits, heard = network.step(last, heard)
            last = logits.argmax(1)
        kept.append(perf_counter() - started)
        started = perf_counter()
        codes = torch.zeros(number, 0, dtype=torch.long)
        for place in range(network.num_places):
            padded = F.pad(codes, (0, 1))
            codes = torch.cat([codes, network(padded, text)[:, place].argmax(1)[:, None]], dim=1)
        anew.append(perf_counter() - started)
    return median(kept), median(anew)


def main() -> None:
    chosen = sys.argv[1:] or [*BUNDLES, "cached"]
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"{IMAGE_SIZE} px, batch {BATCH_SIZE}; {machine}; medians of {TIMED_STEPS} batches, in turns.\n")
    print(
        "| bundle | diptych, ms | plain loop, ms | throughput | losses differ by |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for name in (name for name in chosen if name in BUNDLES):
        ours, plain, difference = compare(name)
        print(f"| {name} | {ours:.1f} | {plain:.1f} | {plain / ours:.3f} | {difference:.0e} |", flush=True)
    if "cached" in chosen:
        kept, anew = cached()
        print(
            f"\n64 codes of 16 images: {kept:.2f} s keeping keys and values, {anew:.2f} s without: "
            f"{anew / kept:.1f} times."
        )


if __name__ == "__main__":
    main()
