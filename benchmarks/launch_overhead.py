"""What it takes to begin a run and to learn of its end, for each run of sweeps that are over.

`python benchmarks/launch_overhead.py outputs/sweeps/NAME ...` prints medians over the runs: from the note that a run
was handed to its executor to the run's own first sign of life (its process, Python's imports, the configuration; where
runs stood in a queue, that too), and from its last sign of life to the note that it is over.
"""

import argparse
from pathlib import Path
from statistics import median

from diptych.runs.folder.status import seconds_between
from diptych.sweeps.folder import SweepFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", type=Path, nargs="+")
    print("| sweep | executor | runs | to begin | in training | to learn of the end |")
    print("| --- " * 6 + "|")
    for path in parser.parse_args().sweeps:
        print(row(SweepFolder(path.resolve(), path.resolve().parents[1])))


def row(sweep: SweepFolder) -> str:
    """One line of the table; runs that were started more than once are left out."""
    events = sweep.ledger.read()
    times = {kind: {e["job"]: e["at"] for e in events if e["event"] == kind} for kind in ("started", "ended")}
    before, within, after = [], [], []
    for job in sweep.jobs():
        run = sweep.run_of(job)
        if job.starts == 1 and run is not None:
            status = run.read_status()
            before.append(seconds_between(times["started"][job.number], status.started))
            within.append(status.seconds)
            after.append(seconds_between(status.updated, times["ended"][job.number]))
    executor = sweep.calls()[-1]["executor"]["kind"]
    cells = [f"{median(values):.1f} s" for values in (before, within, after)]
    return f"| {sweep.name} | {executor} | {len(before)} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
