"""Small runs that share a GPU against the same runs one after another: `python benchmarks/gpu_slots.py`.

Times are of whole sweeps with start-up, in turns. The report has every round, and the median of ratios within a round.
It needs one idle GPU.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from diptych.sweeps.slots import Machine
from slots import TRAIN, sweep, timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--share", type=float, default=0.25, help="share of the GPU for each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=200_000, help="images of each run")
    parser.add_argument("--trainer", default="gpu")
    asked = parser.parse_args()
    gpus = Machine.here().gpus
    if len(gpus) != 1:
        raise SystemExit(f"this benchmark needs one visible GPU, and {len(gpus)} are visible: set CUDA_VISIBLE_DEVICES")
    arguments = [*TRAIN.split(), f"trainer={asked.trainer}", f"budget_images={asked.images}"]
    folder, ratios = Path(tempfile.mkdtemp()), []
    print(f"{asked.runs} runs of {asked.images:,} images\n")
    print(
        f"| round | one after another | {asked.share:g} of the GPU each | times as fast |\n| --- | ---: | ---: | ---: |"
    )
    for number in range(asked.rounds):
        seconds = {}
        for share in (1.0, asked.share) if number % 2 == 0 else (asked.share, 1.0):
            place = folder / f"{number}-{share:g}"
            seconds[share] = timed(lambda p, share=share: sweep(arguments, asked.runs, p, gpus_per_run=share), place)
        ratios.append(seconds[1.0] / seconds[asked.share])
        print(f"| {number + 1} | {seconds[1.0]:.1f} s | {seconds[asked.share]:.1f} s | {ratios[-1]:.2f} |", flush=True)
    print(f"| median | | | {statistics.median(ratios):.2f} |")


if __name__ == "__main__":
    main()
