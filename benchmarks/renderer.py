"""The speed of the embedded world: scenes, sentences, pictures and verdicts per second, as a Markdown table.

`python benchmarks/renderer.py` measures processor time on one torch thread, like a data loader's worker, so that other
programs do not count; every figure is the median of several rounds.
"""

from collections.abc import Callable
from random import Random
from statistics import median
from time import process_time

import torch

from diptych.world import Grammar, Judge, SceneTensors, WorldSpec, judge_accuracy, render, render_tensors, scene_at

PAIRS = WorldSpec()
CROWDS = WorldSpec(min_objects=4, max_objects=4, side=64)
ROUNDS = 5


def rate(work: Callable[[], object], items: int) -> float:
    """Items per second, the median over several rounds after a first one that does not count."""
    work()
    return items / median(_seconds(work) for _ in range(ROUNDS))


def renderer_rates(num: int = 2048) -> dict[str, float]:
    """The steps of a training batch, one by one and together, in examples per second."""
    grammar, rng = Grammar(), Random(0)
    scenes = [scene_at(PAIRS, "train", 0, index) for index in range(num)]
    crowds = [scene_at(CROWDS, "train", 0, index) for index in range(num // 8)]
    sentences = [grammar.describe(scene, rng) for scene in scenes]
    tensors = SceneTensors.of(scenes)

    def everything() -> None:
        fresh = [scene_at(PAIRS, "train", 1, index) for index in range(num)]
        [grammar.describe(scene, rng) for scene in fresh]
        render(fresh)

    return {
        "scenes of two objects, training split": rate(
            lambda: [scene_at(PAIRS, "train", 1, index) for index in range(num)], num
        ),
        "scenes of two objects, validation split": rate(
            lambda: [scene_at(PAIRS, "val", 1, index) for index in range(num // 8)], num // 8
        ),
        "complete sentences said": rate(lambda: [grammar.describe(scene, rng) for scene in scenes], num),
        "complete sentences read": rate(lambda: [grammar.parse(sentence) for sentence in sentences], num),
        "pictures, 32 px, two objects": rate(lambda: render(scenes), num),
        "pictures, 32 px, two objects, from prepared tensors": rate(lambda: render_tensors(tensors), num),
        "pictures, 64 px, four objects": rate(lambda: render(crowds), num // 8),
        "scene, sentence and picture, 32 px": rate(everything, num),
    }


def judge_rates(num: int = 128) -> dict[str, float]:
    """Judged pictures per second."""
    pairs = render([scene_at(PAIRS, "test", 0, index) for index in range(num)])
    crowds = render([scene_at(CROWDS, "test", 0, index) for index in range(num // 4)])
    return {
        "pictures judged, 32 px, two objects": rate(lambda: Judge(PAIRS).read(pairs), num),
        "pictures judged, 64 px, four objects": rate(lambda: Judge(CROWDS).read(crowds), num // 4),
    }


def judge_accuracies(num: int = 1000) -> dict[str, float]:
    """The judge's accuracy on fresh pictures, clean and mildly blurred."""
    return {
        f"judge right, {spec.side} px, blur {blur} px (n = {num // share})": judge_accuracy(spec, num // share, 0, blur)
        for spec, share in ((PAIRS, 1), (CROWDS, 4))
        for blur in (0.0, 0.6)
    }


def table() -> str:
    """Print all tables in Markdown."""
    rates = {**renderer_rates(), **judge_rates()}
    rows = [f"| {name} | {value:,.0f} / s | {1e6 / value:,.0f} |" for name, value in rates.items()]
    right = [f"| {name} | {value:.2%} |" for name, value in judge_accuracies().items()]
    head = ["| one thread | rate | microseconds each |", "| --- | ---: | ---: |"]
    return "\n".join([*head, *rows, "", "| the judge itself | |", "| --- | ---: |", *right])


def _seconds(work: Callable[[], object]) -> float:
    start = process_time()
    work()
    return process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
