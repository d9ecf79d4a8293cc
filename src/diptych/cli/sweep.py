"""Look at a sweep, stop it, try again what did not end well, or confirm who leads: `diptych sweep WHAT NAME`.

A sweep is begun by `diptych train -m --sweep NAME …`, and gone on with by the same command.
"""

import argparse
import os
import shutil
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_json, add_outputs
from diptych.cli.output import Output
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.standing import Row, Standing

UNFINISHED = {"queued", "running", "stopped", "lost"}
"""States of jobs that a sweep's own command would go on with."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych sweep` takes."""
    parser.add_argument(
        "what",
        choices=["status", "stop", "retry", "confirm"],
        help="status: every run and how it fares; stop: let every run save and stop; retry: runs that failed, diverged "
        "or were lost are queued again, for the next time that the sweep is gone on with; confirm: train the leader "
        "with three fresh seeds and evaluate them on the test split, in sweep NAME-winner",
    )
    parser.add_argument("name", metavar="NAME", help="the sweep's name or folder")
    add_outputs(parser)
    add_json(parser, "the sweep's standing")


def run(args: argparse.Namespace) -> int:
    """One thing about one sweep; returns the exit code."""
    from diptych.runs.finding import default_outputs
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.standing import standing_of
    from diptych.sweeps.steering import command_of, retry, stop

    output = Output(as_json=args.json)
    folder = SweepFolder.named(args.name, args.outputs or default_outputs())
    if args.what == "confirm":
        return _confirm(folder)
    if args.what == "stop":
        output.line(stop(folder))
    elif args.what == "retry":
        output.line(retry(folder))
    standing = standing_of(folder, folder.jobs())
    _show(folder.name, standing, output)
    if not folder.is_in_hand and UNFINISHED & standing.counts.keys() and args.what == "status":
        output.line(f"nobody carries it out at the moment; go on with\n{command_of(folder)}")
    output.result({"sweep": folder.name, "in_hand": folder.is_in_hand, **standing.to_dict()})
    return 0


def _confirm(folder: "SweepFolder") -> int:
    """What `compare` says that one should type, one command after the other; the first that fails ends it."""
    from diptych.reports.sweeps.files import reading_of

    winner = reading_of(folder).winner
    if winner is None:
        raise UserError(f"no run of sweep {folder.name} has a figure to lead by: `diptych sweep status {folder.name}`")
    for words in (winner.retrain, winner.evaluate, ("diptych", "compare", folder.name)):
        here = {**os.environ, "DIPTYCH_OUTPUTS": str(folder.outputs)}
        code = subprocess.run([sys.executable, "-m", *words], env=here, check=False).returncode
        if code:
            return code
    return 0


def _show(name: str, standing: "Standing", output: Output) -> None:
    from diptych.runs.status import DONE

    columns = shutil.get_terminal_size().columns
    for row in standing.rows:
        output.line(_line(row))
        for text in filter(None, (row.overrides, row.job.why)):
            output.line("      " + textwrap.shorten(text, columns - 6, placeholder=" …"))
    output.line(f"sweep {name}: {standing.words}")
    if DONE in standing.counts:
        output.line(f"`diptych compare {name}` says who leads, and `diptych report {name}` makes a page of it")


def _line(row: "Row") -> str:
    best = "" if row.best is None else f"best {row.best:.4g}"
    images = f"{row.images:,} images" if row.images else ""
    starts = f"{row.job.starts} starts" if row.job.starts > 1 else ""
    cells = ", ".join(filter(None, (images, best, starts)))
    return f"{row.job.number + 1:>4}  {row.job.run_id}  {row.job.state}{': ' if cells else ''}{cells}"
