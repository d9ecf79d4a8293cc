"""What commands that train nothing cost before they answer, in CPU seconds, beside another commit.

`python benchmarks/start_up.py --before COMMIT` runs each command in a fresh process, in turn with the same command of
the sources of COMMIT, on twenty small pictures and four evaluated runs. Figures are medians of user and system seconds
together, which other work on the machine hardly changes; a ratio is the median over rounds of two beside one another.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from PIL import Image

from diptych.evaluation.results import Evaluation, Figure, save
from diptych.runs.folder.layout import RunFolder

REPOSITORY = Path(__file__).resolve().parents[1]
COMMANDS = (
    "score predictions.jsonl references.jsonl",
    "runs",
    "runs show run-1",
    "data check pictures",
    "compare run-0 run-1 run-2 run-3",
    "doctor",
)
PICTURES, RUNS, EXAMPLES = 20, 4, 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", default="6bc4d52", metavar="COMMIT", help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="default: %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = sources_of(args.before, folder / "before")
        desk = lay_out(folder / "desk")
        print(f"| CPU seconds | at {args.before} | now | ratio |\n| --- | --- | --- | --- |")
        for command in COMMANDS:
            print(row(command, before, desk, args.rounds), flush=True)


def sources_of(commit: str, folder: Path) -> Path:
    """The package as it was at the commit."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit, "src", "conf"], cwd=REPOSITORY, capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", folder], input=archive.stdout, check=True)
    return folder / "src"


def lay_out(folder: Path) -> Path:
    """A folder with captions, pictures and evaluated runs."""
    (folder / "pictures").mkdir(parents=True)
    for number in range(PICTURES):
        Image.new("RGB", (64, 64), (10 * number, 0, 0)).save(folder / "pictures" / f"{number}.png")
    captions = [{"file_name": f"{number}.png", "text": f"{number} dogs run"} for number in range(PICTURES)]
    for name in ("predictions.jsonl", "references.jsonl", "pictures/metadata.jsonl"):
        (folder / name).write_text("\n".join(map(json.dumps, captions)))
    for seed in range(RUNS):
        run = RunFolder.create(folder / "outputs", "mine", f"run-{seed}")
        config = {"name": "mine", "seed": seed, "monitor": "val/exact_match", "budget_images": 100, "parts": {}}
        run.write_config(config | {"data": {"seed": seed}, "optimizer": {"lr": seed // 2}})
        run.metrics.write_text("images,val/exact_match\n50,0.4\n100,0.5\n")
        run.write_status("done", images_seen=100, best=0.5)
        figures = [Figure.rate("exact_match", [i % (2 + seed) == 0 for i in range(EXAMPLES)])]
        facts = {"run": run.run_id, "images_seen": 100, "data": "digits", "split": "test", "num": EXAMPLES, "seed": 0}
        save(Evaluation("captioner", "Captioning", facts, figures), run.evaluations, "best")
    return folder


def row(command: str, before: Path, desk: Path, rounds: int) -> str:
    """One line of the table; the first round, which warms the machine's caches, does not count."""
    pairs = [
        tuple(cpu_seconds(command, source, desk) for source in (before, REPOSITORY / "src")) for _ in range(rounds)
    ]
    olds, news = zip(*pairs[1:], strict=True)
    ratio = median(new / old for old, new in pairs[1:])
    return f"| `diptych {command}` | {median(olds):.2f} | {median(news):.2f} | {ratio:.2f} |"


def cpu_seconds(command: str, source: Path, desk: Path) -> float:
    """User and system time of a fresh process."""
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1", "DIPTYCH_OUTPUTS": "outputs"}
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", *command.split()],
        cwd=desk,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"diptych {command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
