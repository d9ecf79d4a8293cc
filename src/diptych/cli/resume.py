"""Resume a run exactly from its last checkpoint, extend its budget, or go on where its data moved."""

import argparse

from diptych.cli.arguments import add_outputs, add_run, add_trust
from diptych.cli.output import Output, short


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych resume` takes."""
    add_run(parser)
    parser.add_argument(
        "changes",
        metavar="KEY=VALUE",
        nargs="*",
        default=[],
        help="such as budget_images=1_000_000, data.root=FOLDER or data.num_workers=4",
    )
    add_trust(parser)
    add_outputs(parser)


def run(args: argparse.Namespace) -> int:
    """Resume one run; returns the exit code."""
    from diptych.runs.folder.find import default_outputs, find_run
    from diptych.runs.training import resume

    folder = find_run(args.run, args.outputs or default_outputs())
    _, progress = resume(folder, args.changes, args.trust)
    for line in (*progress.lines, short(folder.path)):
        Output().line(line)
    return 0
