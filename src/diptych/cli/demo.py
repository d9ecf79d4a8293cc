"""Train a captioner and a generator, evaluate both and the loop, and write outputs/demo/report.html.

An interrupted demo is gone on with.
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
        help="smoke: the same path in under a minute, to see that it works",
    )
    add_json(parser, "the figures and the report's name")


def run(args: argparse.Namespace) -> int:
    """Two trainings, each in a process of its own, then three evaluations and the report."""
    from diptych.reports.demo.demo import Demo, TrainingFailed
    from diptych.runs.folder.find import default_outputs
    from diptych.runs.lifecycle.signals import Stopped

    output = Output(as_json=args.json)
    demo = Demo(args.budget, default_outputs(), say=output.line, training_output=sys.stderr if args.json else None)
    try:
        captioner = demo.train("captioner", "the captioner learns to describe images")
        part = f"parts.captioner.run={captioner}"
        generator = demo.train("text_to_image", "the generator learns to generate what sentences say", part)
    except TrainingFailed as failure:
        output.warning(f"diptych demo: {failure}")
        return failure.code
    except Stopped as stop:
        stop.add_note("the same command goes on from there")
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
