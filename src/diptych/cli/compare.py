"""Set runs side by side: mean, interval and paired tests in one table, quality in training as plots."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_json, add_runs
from diptych.cli.output import Output, short

if TYPE_CHECKING:
    from diptych.runs.folder import RunFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych compare` takes."""
    add_runs(parser, "runs", "RUN|SWEEP", ", or sweeps; those that differ only in seed are a group")
    parser.add_argument("--by", metavar="KEY", help="group by this key of the configuration, such as objective")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where table and plots are written (default: in outputs/comparisons)"
    )
    add_json(parser, "the tables")


def run(args: argparse.Namespace) -> int:
    """Compare and write; returns the exit code."""
    from diptych.reports.compare_files import compare_runs
    from diptych.runs.finding import default_outputs, runs_named

    output = Output(as_json=args.json)
    outputs = default_outputs()
    runs = runs_named(args.runs, outputs)
    written = compare_runs(runs, args.by, args.out or outputs / "comparisons" / _name(runs, args.by))
    for text in written.texts:
        output.line(text + "\n")
    for path in written.files:
        output.line(f"written to {short(path)}")
    output.result({"comparisons": written.values, "files": [str(path) for path in written.files]})
    return 0


def _name(runs: "list[RunFolder]", by: str | None) -> str:
    """The same for the same runs."""
    import hashlib

    digest = hashlib.sha256(" ".join([*(run.run_id for run in runs), by or ""]).encode()).hexdigest()
    return f"{runs[0].experiment}-{digest[:8]}"
