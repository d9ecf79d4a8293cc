"""Write one self-contained HTML file about a run or a sweep.

For a run: images, curves, samples, every evaluation, and the configuration. For a sweep: the best trial and its
confidence, every configuration, parameter importance, cost, failures, and the commands that reproduce the best trial.
"""

import argparse
from pathlib import Path

from diptych.cli.arguments import add_json
from diptych.cli.objectives import add_objectives, objectives_from
from diptych.cli.output import Output, check_writable, short


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych report` takes."""
    parser.add_argument(
        "subject",
        metavar="RUN|SWEEP",
        help="a run folder, a run id or its beginning, or latest; or a sweep's name or folder",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: report.html in the run's or sweep's folder")
    add_objectives(parser)
    add_json(parser, "the file's name")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    output = Output(as_json=args.json)
    if args.out is not None:
        check_writable(args.out, "--out")
    path = _written(args)
    output.line(short(path))
    output.result({"report": str(path)})
    return 0


def _written(args: argparse.Namespace) -> Path:
    from diptych.config.errors import UserError
    from diptych.runs.folder.find import default_outputs, find_run
    from diptych.sweeps.folder import SweepFolder

    outputs = default_outputs()
    sweep = SweepFolder.find(args.subject, outputs)
    if sweep is not None:
        from diptych.reports.sweeps.report import write_sweep_report

        return write_sweep_report(sweep, args.out or sweep.report, objectives_from(args.objective))
    if args.objective:
        raise UserError(f"--objective needs a sweep, and {args.subject} is not one")
    from diptych.reports.run.run_data import write_run_report

    return write_run_report(find_run(args.subject, outputs), args.out)
