"""Seconds for captions of 1,000 images, and tokens a second, of each captioner that ships, in one table.

`python benchmarks/thousand_captions.py [DECODER …]` captions 32 px images with new networks of the bundles' sizes, each
caption of as many tokens: what a token costs does not depend on what was learned. The call is the one that people
make: it encodes the images, searches, and reads the captions again for probabilities and attention maps. The time of
128 images is measured three times; the median counts.
"""

import sys
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any

import torch

from diptych.config.composition import compose
from diptych.runs.build import build_system
from gan_steps import IMAGE_SIZE
from gan_steps import SPEC as SHORT

MEASURED, REPEATS, TOKENS = 128, 3, 14
SPEC = replace(SHORT, max_length=TOKENS + 2)
"""Words, as captions of the demo world have; `max_length` counts <bos> and <eos>."""
DECODERS = {
    "rnn": ("cnn_rnn", "caption_decoder=rnn"),
    "gru": ("cnn_rnn", "caption_decoder=gru"),
    "lstm": ("cnn_rnn",),
    "lstm_every_step": ("cnn_rnn", "caption_decoder=lstm_every_step"),
    "lstm_attention": ("cnn_rnn_attention",),
    "lstm_hard_attention": ("cnn_rnn_hard_attention",),
    "top_down": ("top_down",),
    "transformer": ("cnn_transformer",),
}
SEARCHES: dict[str, dict[str, Any]] = {"greedy": {}, "beam of 5": {"beam": 5}}


def seconds(captioner: Any, search: dict[str, Any]) -> float:
    """Of 1,000 images, from the median of some calls."""
    images, times = torch.rand(MEASURED, SPEC.image_channels, IMAGE_SIZE, IMAGE_SIZE) * 2 - 1, []
    for _ in range(REPEATS + 1):
        started = perf_counter()
        found = captioner.caption(images, min_length=TOKENS, max_length=TOKENS, **search)
        times.append(perf_counter() - started)
        assert all(len(caption.words) == TOKENS for caption in found)
    return median(times[1:]) * 1000 / MEASURED


def built(bundle: str, *overrides: str) -> Any:
    """A new captioner of the bundle's size."""
    torch.manual_seed(0)
    return build_system(compose([f"model={bundle}", "data=scenes_small", *overrides]), SPEC, {}).eval()


def main() -> None:
    chosen = {name: bundle for name, bundle in DECODERS.items() if not sys.argv[1:] or name in sys.argv[1:]}
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"32 px; {machine}; batches of {MEASURED}, {TOKENS} tokens a caption.\n")
    print("| caption decoder | search | seconds for 1,000 images | tokens a second |\n| --- | --- | ---: | ---: |")
    for name, bundle in chosen.items():
        captioner = built(*bundle)
        for search, options in SEARCHES.items():
            taken = seconds(captioner, options)
            print(f"| `{name}` | {search} | {taken:.2f} | {1000 * TOKENS / taken:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
