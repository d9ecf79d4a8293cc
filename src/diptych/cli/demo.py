"""Train a captioner and a text-to-image model, evaluate both and their cycle, and write outputs/demo/report.html.

Rerun the command to resume an interrupted demo.
"""

import argparse
import sys

from diptych.cli.arguments import add_json
from diptych.cli.output import Output


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych demo` takes."""
    parser.add_argument(
        "--budget",
        choices=("full", "smoke"),
        default="full",
        help="smoke: the same steps in under a minute, as a check",
    )
    add_json(parser, "the figures and the report's name")


def run(args: argparse.Namespace) -> int:
    """Two trainings, each in its own process, then three evaluations and the report."""
    from diptych.reports.demo.demo import Demo, TrainingFailed
    from diptych.runs.folder.find import default_outputs
    from diptych.runs.lifecycle.signals import Stopped

    output = Output(as_json=args.json)
    demo = Demo(args.budget, default_outputs(), say=output.line, training_output=sys.stderr if args.json else None)
    try:
        captioner = demo.train("captioner", "learns to caption images")
        part = f"parts.captioner.run={captioner}"
        generator = demo.train("text_to_image", "learns to generate images from text", part)
    except TrainingFailed as failure:
        output.warning(f"diptych demo: {failure}")
        return failure.code
    except Stopped as stop:
        stop.add_note("rerun the same command to resume")
        raise
    demo.evaluate(captioner, generator, output.track)
    report = demo.report()
    for row in demo.summary():
        output.line("  {:<42}{:>8}  {}".format(*row))
    output.line(f"\nreport: {report}")
    output.result(
        {
            "report": str(report),
            "runs": {"captioner": str(captioner), "text_to_image": str(generator)},
            "seconds": round(demo.seconds, 1),
            "evaluations": [{"file": str(kept.path), **kept.evaluation.to_dict()} for kept in demo.results],
        }
    )
    return 0
