"""The judge's speed in pictures per second on all cores: `python benchmarks/judge.py`, as a Markdown table.

Wall-clock time; the median of several rounds over fresh scenes of one object and more. Run it on a quiet machine.
"""

from random import Random
from statistics import median
from time import perf_counter

import torch

from diptych.world import Judge, render, sample_scene
from judge_calibration.table import world_of

PICTURES = {32: 1024, 64: 384, 128: 128}
ASKED = {32: 300, 64: 80}
ROUNDS = 5


def pictures_per_second(side: int) -> float:
    """The median over rounds, after a first one that does not count."""
    rng, judge = Random(0), Judge(world_of(side))
    images = render([sample_scene(judge.spec, rng) for _ in range(PICTURES[side])])
    seconds = [_seconds(judge, images) for _ in range(1 + ROUNDS)]
    return len(images) / median(seconds[1:])


def main() -> None:
    """Print one line per canvas."""
    print(f"{torch.get_num_threads()} threads\n\n| canvas | pictures/s | asked |\n| --- | --- | --- |")
    for side in PICTURES:
        print(f"| {side} px | {pictures_per_second(side):,.0f} | {ASKED.get(side, '—')} |", flush=True)


def _seconds(judge: Judge, images: torch.Tensor) -> float:
    start = perf_counter()
    judge.read(images)
    return perf_counter() - start


if __name__ == "__main__":
    main()
