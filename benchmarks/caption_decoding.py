"""Compare a Transformer captioner's cache of keys and values with reading the whole caption anew at every word.

`python benchmarks/caption_decoding.py` gives both ways the same network and images, checks that they find the same
words, alternates them in one process, so that other programs slow both alike, and prints medians as Markdown. What is
read anew is what a captioner without a cache does: the image's keys once a word, all words so far, the last word's
logits.
"""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from diptych.models.caption_decoders import TransformerDecoder
from diptych.types import BOS_ID, ImageFeatures

VOCABULARY, REGIONS, REGION_DIM, DIM = 9_490, 49, 512, 256
BATCH_SIZE, LENGTH, NUM_LAYERS = 64, 20, 3
ROUNDS, WARMUP_ROUNDS = 5, 1


def make_decoder(**sizes: int) -> TransformerDecoder:
    """A captioner's decoder of COCO's size, or of these sizes."""
    torch.manual_seed(0)
    usual = {"vocabulary_size": VOCABULARY, "max_length": LENGTH + 1, "image_dim": REGION_DIM, "region_dim": REGION_DIM}
    usual |= {"dim": DIM, "num_layers": NUM_LAYERS, "num_heads": 4, "feedforward_dim": 4 * DIM}
    return TransformerDecoder(**usual | sizes).eval()


def make_features(batch_size: int = BATCH_SIZE, region_dim: int = REGION_DIM) -> ImageFeatures:
    """Images as a grid of regions, and their mean."""
    regions = torch.randn(batch_size, REGIONS, region_dim)
    return ImageFeatures(regions.mean(1), regions)


def by_cache(decoder: TransformerDecoder, features: ImageFeatures, length: int = LENGTH) -> Tensor:
    """The likeliest next words, one step after the other."""
    memory = decoder.encode_memory(features)
    state, words = decoder.initial_state(memory), [torch.full((len(features.pooled),), BOS_ID)]
    for _ in range(length):
        logits, state = decoder.step(words[-1], memory, state)
        words.append(logits.argmax(dim=-1))
    return torch.stack(words, dim=1)


def anew(decoder: TransformerDecoder, features: ImageFeatures, length: int = LENGTH) -> Tensor:
    """The same words, for each of which the whole caption so far is read again."""
    words = torch.full((len(features.pooled), 1), BOS_ID)
    for _ in range(length):
        logits = _last_logits(decoder, features, words)
        words = torch.cat([words, logits.argmax(dim=-1, keepdim=True)], dim=1)
    return words


def _last_logits(decoder: TransformerDecoder, features: ImageFeatures, words: Tensor) -> Tensor:
    """Of the last word alone, so that the vocabulary's matrix is multiplied no more often than with a cache."""
    hook = decoder.norm.register_forward_hook(lambda _, __, output: output[:, -1:])
    logits = decoder(features, words).logits
    hook.remove()
    return logits[:, -1]


@torch.inference_mode()
def compare() -> tuple[dict[str, float], bool]:
    """Median seconds of each way, and whether their words are the same."""
    decoder, features = make_decoder(), make_features()
    ways: dict[str, Callable[..., Tensor]] = {"cache": by_cache, "anew": anew}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    words: dict[str, Tensor] = {}
    for _ in range(WARMUP_ROUNDS + ROUNDS):
        for name, way in ways.items():
            started = perf_counter()
            words[name] = way(decoder, features)
            seconds[name].append(perf_counter() - started)
    medians = {name: median(times[WARMUP_ROUNDS:]) for name, times in seconds.items()}
    return medians, torch.equal(words["cache"], words["anew"])


def main() -> None:
    medians, are_equal = compare()
    print("## Transformer captioner: cache of keys and values against reading anew\n")
    print(f"V = {VOCABULARY:,}, {REGIONS} regions, {NUM_LAYERS} layers of {DIM},", end=" ")
    print(f"batch {BATCH_SIZE}, {LENGTH} tokens, {torch.get_num_threads()} threads; medians of {ROUNDS} turns each.\n")
    print("| cache, ms | anew, ms | ratio | same words |\n|---|---|---|---|")
    cache, again = medians["cache"], medians["anew"]
    print(f"| {1e3 * cache:.0f} | {1e3 * again:.0f} | **{again / cache:.2f}** | {'yes' if are_equal else 'NO'} |")


if __name__ == "__main__":
    main()
