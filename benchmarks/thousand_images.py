"""Seconds for 1,000 images of each family that makes them, of sentences, in one table.

`python benchmarks/thousand_images.py [BUNDLE …]` generates 32 px images with new networks of the bundles' sizes: what
an image costs does not depend on what was learned. The time of 128 images is measured three times; the median counts.
"""

import sys
from statistics import median
from time import perf_counter
from typing import Any

import torch

from diptych.config.composition import compose
from diptych.runs.build import build_system
from gan_steps import SPEC
from latent_steps import BUNDLES, with_sentences_and_codes

MEASURED, REPEATS, BATCH_SIZE = 128, 3, 64
SENTENCE = "a b c d e f g h"
WITH_SENTENCES = ("data=scenes_small", "text_encoder=gru")
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "dcgan": ("dcgan", {}),
    "biggan": ("biggan", {}),
    "stylegan2": ("stylegan2", {}),
    "r3gan": ("r3gan", {}),
    "mean_flow, 1 step": ("mean_flow", {}),
    "flow, 4 steps": ("flow", {"steps": 4}),
    "flow, 20 steps": ("flow", {"steps": 20}),
    "flow, 20 steps, guided": ("flow", {"steps": 20, "guidance_scale": 2.0}),
    "vae": ("vae", {}),
    "masked_prior, 12 steps": ("masked_prior", {}),
    "prior": ("prior", {}),
    "prior, guided": ("prior", {"guidance_scale": 2.0}),
    "edm, 18 steps of heun": ("edm", {"steps": 18, "solver": "heun"}),
}


def seconds(model: str, options: dict[str, Any]) -> float:
    """Of 1,000 images, from the median of some calls."""
    system = built(model)
    system.eval()
    if hasattr(system, "image_std"):
        system.image_std.fill_(0.5)
    chosen, times = system.options(**options), []
    for _ in range(REPEATS + 1):
        started = perf_counter()
        system.generate([SENTENCE], MEASURED, options=chosen, batch_size=BATCH_SIZE)
        times.append(perf_counter() - started)
    return median(times[1:]) * 1000 / MEASURED


def built(model: str) -> Any:
    """A new system of the bundle's size; where it borrows an autoencoder, a new one."""
    if model in BUNDLES:
        return with_sentences_and_codes(model)
    torch.manual_seed(0)
    return build_system(compose([f"model={model}", *WITH_SENTENCES]), SPEC, {})


def main() -> None:
    chosen = {name: case for name, case in CASES.items() if not sys.argv[1:] or case[0] in sys.argv[1:]}
    machine = f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
    print(f"32 px; {machine}; batches of {BATCH_SIZE}.\n\n| family | seconds for 1,000 images |\n| --- | ---: |")
    for name, (model, options) in chosen.items():
        print(f"| {name} | {seconds(model, options):.1f} |", flush=True)


if __name__ == "__main__":
    main()
