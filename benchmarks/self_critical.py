"""How much a self-critical step costs beside one of cross-entropy, for the attention decoder, as Markdown.

`python benchmarks/self_critical.py` alternates whole training steps (encoder, decoder, backward, optimiser) of one
captioner in one process, so that other programs slow all alike, and compares medians. Cross-entropy reads as many
captions an image as self-critical training samples. A part of the time is shown by itself: drawing the samples, and
the reward of CIDEr-D, on words of a large vocabulary that no grammar bounds.
"""

import random
from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch

from diptych.models.caption_decoders import AttentionLSTMDecoder
from diptych.models.image_encoders import ConvEncoder
from diptych.systems.captioning.objectives import CaptionStep, CiderReward, CrossEntropy, SelfCritical, WholeBatch
from diptych.text import tokenizer_of
from diptych.types import SPECIAL_TOKENS, Batch, DataSpec

IMAGES, CAPTIONS, SIZE = 16, 5, 64
WORDS, SENTENCES, SHORTEST, LONGEST = 9_486, 5_000, 8, 13
DIM = 256
ROUNDS, WARMUP_ROUNDS = 9, 1
MOST = 2.5


def make_captions() -> list[str]:
    """Sentences of words that are as frequent as 1 over their rank."""
    rng = random.Random(0)
    words = [f"word{i}" for i in range(WORDS)]
    weights = [1 / (rank + 1) for rank in range(WORDS)]
    return [" ".join(rng.choices(words, weights, k=rng.randint(SHORTEST, LONGEST))) for _ in range(SENTENCES)]


def make_step(captions: list[str]) -> tuple[CaptionStep, DataSpec]:
    """A step of a captioner with a small encoder, as the system makes it."""
    torch.manual_seed(0)
    words = tuple(f"word{i}" for i in range(WORDS))
    spec = DataSpec("sentences", SIZE, 3, (*SPECIAL_TOKENS, *words), max_length=LONGEST + 2)
    encoder = ConvEncoder(image_size=SIZE, widths=(32, 64, 96, 96), num_halvings=3)
    decoder = AttentionLSTMDecoder(
        vocabulary_size=len(spec.vocabulary),
        image_dim=encoder.pooled_dim,
        region_dim=encoder.region_dim,
        embedding_dim=DIM,
        hidden_dim=DIM,
        attention_dim=DIM,
    )
    tokenizer = tokenizer_of(spec)
    tokens, mask = tokenizer.encode_batch(captions[: IMAGES * CAPTIONS])
    references = tuple(tuple(captions[i * CAPTIONS : (i + 1) * CAPTIONS]) for i in range(IMAGES))
    shape = (IMAGES, CAPTIONS)
    images = torch.rand(IMAGES, 3, SIZE, SIZE) * 2 - 1
    batch = Batch(images, tokens.unflatten(0, shape), mask.unflatten(0, shape), references, references)
    step = CaptionStep(
        batch=batch,
        images=images,
        num_tokens=mask[:, 1:].sum(),
        image_encoder=encoder,
        caption_decoder=decoder,
        tokenizer=tokenizer,
        images_seen=1,
        max_length=spec.max_length - 1,
        system_rng=torch.Generator().manual_seed(0),
        whole=WholeBatch(batch),
    )
    return step, spec


def trained(objective: Any, step: CaptionStep, optimizer: torch.optim.Optimizer) -> None:
    """One whole training step of an objective, of a fresh view of the step."""
    optimizer.zero_grad()
    losses = objective.losses(fresh(step))
    sum(loss.mean() for loss in losses.values()).backward()
    optimizer.step()


def fresh(step: CaptionStep) -> CaptionStep:
    """The same step of which nothing is computed yet."""
    return CaptionStep(**{name: getattr(step, name) for name in FIELDS}, whole=WholeBatch(step.batch))


FIELDS = tuple(name for name in CaptionStep.__dataclass_fields__ if name not in ("whole", "part", "figures"))


def timed(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Median seconds of each, in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(WARMUP_ROUNDS + ROUNDS):
        for name, work in works.items():
            started = perf_counter()
            work()
            seconds[name].append(perf_counter() - started)
    return {name: median(times[WARMUP_ROUNDS:]) for name, times in seconds.items()}


def main() -> None:
    captions = make_captions()
    step, spec = make_step(captions)
    reward = CiderReward(data_spec=spec)
    objective = SelfCritical(reward=reward, num_samples=CAPTIONS)
    objective.begin(lambda number: [captions[i : i + CAPTIONS] for i in range(0, SENTENCES, CAPTIONS)])
    parameters = [*step.image_encoder.parameters(), *step.caption_decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-6)
    samples = fresh(step).sample(CAPTIONS)
    encoded = fresh(step)
    times = timed(
        {
            "cross-entropy": partial(trained, CrossEntropy(), step, optimizer),
            "self-critical": partial(trained, objective, step, optimizer),
            "of which samples": lambda: encoded.sample(CAPTIONS),
            "of which reward": lambda: reward(samples.tokens, step.batch),
        }
    )
    print("## Self-critical step against cross-entropy, attention decoder\n")
    print(f"{IMAGES} images of {SIZE} px, {CAPTIONS} captions or samples each, V = {len(spec.vocabulary):,},", end=" ")
    print(f"E = H = A = {DIM}, {torch.get_num_threads()} threads; medians of {ROUNDS} turns.\n")
    print("| | ms | of a cross-entropy step |\n|---|---|---|")
    for name, value in times.items():
        print(f"| {name} | {1e3 * value:.1f} | {value / times['cross-entropy']:.2f} |")
    ratio = times["self-critical"] / times["cross-entropy"]
    print(f"\nA self-critical step costs **{ratio:.2f}** steps of cross-entropy (at most {MOST}).")


if __name__ == "__main__":
    main()
