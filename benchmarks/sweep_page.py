"""Seconds of CPU time that the page of a sweep of two hundred runs takes: `python benchmarks/sweep_page.py`."""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fake_sweeps import fake_sweep, varied

from diptych.reports.sweeps.files import analysis_of, write_analysis

ROUNDS = 3


def main() -> None:
    """Print the fastest of some rounds; the first one, which imports, does not count."""
    seconds = []
    for number in range(1 + ROUNDS):
        with tempfile.TemporaryDirectory() as name:
            folder = fake_sweep(Path(name), "many", varied(Path(name), number=200 if number else 12))
            begin = time.process_time()
            write_analysis(analysis_of(folder), Path(name) / "out")
            seconds.append(time.process_time() - begin)
    print(f"| runs | CPU seconds |\n| --- | --- |\n| 200 | {min(seconds[1:]):.1f} |")


if __name__ == "__main__":
    main()
