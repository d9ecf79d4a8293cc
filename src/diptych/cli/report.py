"""One self-contained HTML file about a run: pictures, curves, samples, every evaluation, and the configuration."""

import argparse

from diptych.cli.arguments import add_json, add_run
from diptych.cli.output import Output, short


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych report` takes."""
    add_run(parser)
    add_json(parser, "the file's name")


def run(args: argparse.Namespace) -> int:
    """Write report.html into the run's folder."""
    from diptych.reports.stories import write_run_report
    from diptych.runs.finding import default_outputs, find_run

    output = Output(as_json=args.json)
    path = write_run_report(find_run(args.run, default_outputs()))
    output.line(short(path))
    output.result({"report": str(path)})
    return 0
