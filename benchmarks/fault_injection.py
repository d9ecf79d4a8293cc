"""A grid with random kills: `python benchmarks/fault_injection.py [--runs 24 --kills 20]`, 15 minutes on two cores.

The same grid of short trainings runs twice, in two slots of one thread: undisturbed, and while runs and their
supervisor are killed (SIGKILL) at random moments, in validations and while saving. After each kill of the supervisor
the same command is rerun. One run of the grid always raises. At the end every other run is done once, its weights equal
the undisturbed ones bit for bit, and the repeated images are counted.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from diptych.runs.folder.layout import RunFolder
from diptych.runs.folder.status import DONE, FAILED
from diptych.sweeps.folder import SweepFolder
from diptych.sweeps.jobs import Job
from random_kills import (
    BUDGET,
    DCGAN,
    INTERVAL,
    PAUSE_SECONDS,
    disturbed,
    most_repeated,
    summary,
    sweep_in,
    undisturbed,
    with_witness,
)
from sameness import differences_of_runs

UNLUCKY = 2


def pairs(calm: SweepFolder, stormy: SweepFolder) -> Iterator[tuple[Job, RunFolder, RunFolder]]:
    """Each job of the sweep with kills, its run, and the undisturbed run."""
    of_arguments = {job.arguments: job for job in calm.jobs()}
    for job in stormy.jobs():
        here, there = stormy.run_of(job), calm.run_of(of_arguments[job.arguments])
        assert here is not None
        assert there is not None
        yield job, here, there


def report(calm: SweepFolder, stormy: SweepFolder) -> bool:
    """Print the result; returns whether it is as required."""
    jobs = list(stormy.jobs())
    done = [(job, *runs) for job, *runs in pairs(calm, stormy) if job.state == DONE]
    failed = [job for job in jobs if job.state == FAILED]
    others = sum(1 for _ in stormy.outputs.glob("dcgan_digits/*/")) - len(jobs)
    equal = sum(not differences_of_runs(*runs) for _, *runs in done)
    print(f"runs: {len(jobs)}; done {len(done)}, failed {len(failed)} (required: {len(jobs) - 1} and 1)")
    print(f"runs under another id: {others}")
    print(f"equal to the undisturbed run, checkpoints bit for bit and rows of metrics.csv: {equal}")
    return len(failed) == 1 and others == 0 and len(jobs) - 1 == len(done) == equal


def main() -> int:
    parser = argparse.ArgumentParser(description="a grid with random kills")
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=BUDGET, help="images of each run")
    parser.add_argument("--pause", type=float, nargs=2, default=PAUSE_SECONDS, help="seconds between kills")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    seeds = ",".join(map(str, range(asked.runs)))
    grid = [*DCGAN, f"budget_images={asked.images}", f"seed={seeds}", with_witness(UNLUCKY, asked.images // 2)]
    calm = undisturbed(grid, folder / "calm")
    print(f"undisturbed: {calm:.0f} s\n")
    stormy, kills = disturbed(grid, asked.kills, folder / "stormy", random.Random(asked.seed), asked.pause)
    print(f"\n{summary(kills)}\nseconds undisturbed {calm:.0f}, with kills {stormy:.0f}")
    enough = len(kills) >= asked.kills and most_repeated(kills) <= INTERVAL
    return 0 if report(sweep_in(folder / "calm"), sweep_in(folder / "stormy")) and enough else 1


if __name__ == "__main__":
    sys.exit(main())
