"""The overhead of launchers, for each run of finished sweeps.

`python benchmarks/launch_overhead.py outputs/sweeps/NAME ...` prints medians over the runs. Start-up is the time from
the ledger's note of the start to the run's first sign of life: its process, Python's imports, the configuration, and a
cluster's queue. The last column is the time from the run's last sign of life to the ledger's note of its end.
"""

import argparse
from pathlib import Path
from statistics import median

from diptych.runs.folder.status import seconds_between
from diptych.sweeps.folder import SweepFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweeps", type=Path, nargs="+")
    print("| sweep | executor | runs | start-up | training | until the end is noticed |")
    print("| --- " * 6 + "|")
    for path in parser.parse_args().sweeps:
        print(row(SweepFolder(path.resolve(), path.resolve().parents[1])))


def row(sweep: SweepFolder) -> str:
    """One line of the table, without runs that started more than once."""
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
