"""The speed-up of slots and the overhead of the launcher: `python benchmarks/slots.py [--runs 4 --rounds 3]`.

The same short runs are carried out four ways, in turns: by `diptych train -m` in one slot of one thread, in two such
slots, and in one slot of two threads; and by a shell loop over single commands. Times include start-up. The report has
medians over rounds of ratios within a round. It takes a quarter of an hour on two idle cores.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TRAIN = "model=mlp_gan data=digits tracking=csv callbacks.progress.quiet=true"
ONE, TWO, THREADS, LOOP = "one slot", "two slots", "two threads", "a shell loop"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}


def sweep(arguments: list[str], runs: int, folder: Path, **launcher: float) -> None:
    """All runs as one sweep, with these settings of the launcher."""
    seeds = ",".join(map(str, range(runs)))
    settings = [f"hydra.launcher.{name}={value:g}" for name, value in launcher.items()]
    run([sys.executable, "-m", "diptych", "train", "--sweep", "slots", *arguments, f"seed={seeds}", *settings], folder)


def loop(arguments: list[str], runs: int, folder: Path) -> None:
    """The runs as single commands of one thread, one after another."""
    words = [sys.executable, "-m", "diptych", "train", *arguments, "trainer.threads=1"]
    run(
        ["sh", "-ec", f"for seed in {' '.join(map(str, range(runs)))}; do {shlex.join(words)} seed=$seed; done"], folder
    )


def run(command: list[str], folder: Path) -> None:
    folder.mkdir(parents=True)
    result = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{shlex.join(command)} ended with {result.returncode}:\n{result.stderr}")


def timed(carry_out: Callable[[Path], None], folder: Path) -> float:
    start = time.monotonic()
    carry_out(folder)
    seconds = time.monotonic() - start
    shutil.rmtree(folder)
    return seconds


def one_round(arguments: list[str], runs: int, folder: Path, number: int) -> dict[str, float]:
    """The seconds of each way; every other round has the opposite order."""
    ways: dict[str, Callable[[Path], None]] = {
        ONE: lambda place: sweep(arguments, runs, place, slots=1, threads_per_run=1),
        TWO: lambda place: sweep(arguments, runs, place, slots=2, threads_per_run=1),
        THREADS: lambda place: sweep(arguments, runs, place, slots=1, threads_per_run=2),
        LOOP: lambda place: loop(arguments, runs, place),
    }
    order = list(ways) if number % 2 == 0 else list(reversed(ways))
    return {name: timed(ways[name], folder / f"{number}-{name.replace(' ', '-')}") for name in order}


def report(rounds: list[dict[str, float]], runs: int) -> None:
    def median(ratio: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(map(ratio, rounds))

    print(f"{os.cpu_count()} cores, {runs} runs, {len(rounds)} rounds; seconds a round (median)\n")
    print("| carried out by | seconds | a run |\n| --- | ---: | ---: |")
    for name in (LOOP, ONE, TWO, THREADS):
        seconds = statistics.median(seconds[name] for seconds in rounds)
        print(f"| {name} | {seconds:.1f} | {seconds / runs:.1f} |")
    print("\n| ratio (median of rounds) | measured | required |\n| --- | ---: | ---: |")
    rows = [
        ("two one-thread slots against one: times as fast", f"{median(lambda s: s[ONE] / s[TWO]):.2f}", "≥ 1.6"),
        ("two one-thread slots against two threads: times as fast", f"{median(lambda s: s[THREADS] / s[TWO]):.2f}", ""),
        (
            "the sweep in one slot against a loop: slower by",
            f"{100 * median(lambda s: s[ONE] / s[LOOP] - 1):.1f} %",
            "≤ 15 %",
        ),
    ]
    print("\n".join(f"| {what} | {measured} | {asked} |" for what, measured, asked in rows))


def main() -> None:
    parser = argparse.ArgumentParser(description="slots and the launcher's overhead")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=28_000, help="of each run; about twenty seconds' worth")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    arguments = [*TRAIN.split(), f"budget_images={asked.images}"]
    rounds = []
    for number in range(asked.rounds):
        rounds.append(one_round(arguments, asked.runs, folder, number))
        print(f"round {number + 1}: {', '.join(f'{k} {v:.1f} s' for k, v in rounds[-1].items())}", file=sys.stderr)
    report(rounds, asked.runs)


if __name__ == "__main__":
    main()
