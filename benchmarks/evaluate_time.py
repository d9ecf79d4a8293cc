"""The time of a whole `diptych evaluate GENERATOR`: `python benchmarks/evaluate_time.py [GENERATOR...]`.

Without arguments it trains two generators briefly, on scenes of 32 and of 64 pixels. Their images are noise, which the
judge reads about as fast as scenes.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

SIDES = {32: "scenes", 64: "scenes64"}


def train(folder: str, data: str) -> str:
    """Train a generator for a few steps; return its folder."""
    few = ["budget_images=64", "validate_every_images=64", "tracking=none", f"paths.outputs={folder}/{data}"]
    command = ["train", "model=dcgan", "text_encoder=gru", f"data={data}", "data.val_size=32", *few]
    return diptych(command).split()[-1]


def diptych(arguments: Sequence[str]) -> str:
    command = [sys.executable, "-m", "diptych", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def timed(generator: str) -> str:
    """One line: wall-clock and processor seconds of the default evaluation, and the number of pictures."""
    before, start = processor_seconds(), time.monotonic()
    results = json.loads(diptych(["evaluate", generator, "--json"]))["evaluations"]
    wall, processor = time.monotonic() - start, processor_seconds() - before
    generated = sum(result["protocol"]["num"] for result in results)
    side = {name: side for side, name in SIDES.items()}.get(results[0]["protocol"]["data"], "?")
    return f"| {results[0]['protocol']['data']} | {side} | {generated:,} | {wall:.0f} | {processor:.0f} |"


def processor_seconds() -> float:
    """Processor seconds of all ended child processes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Time each generator."""
    print(f"{os.cpu_count()} cores\n\n| data | side | pictures | seconds | processor seconds |\n|{' --- |' * 5}")
    with tempfile.TemporaryDirectory() as folder:
        for generator in sys.argv[1:] or [train(folder, data) for data in SIDES.values()]:
            print(timed(generator), flush=True)


if __name__ == "__main__":
    main()
