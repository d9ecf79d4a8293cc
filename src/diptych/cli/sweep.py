"""Look at a sweep, stop it, try again what did not end well, or confirm who leads: `diptych sweep WHAT NAME`.

A sweep is begun by `diptych train -m --sweep NAME …`, and gone on with by the same command.
"""

import argparse
import shutil
import textwrap
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_json, add_outputs
from diptych.cli.objectives import add_objectives, objectives_from
from diptych.cli.output import Output, short
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from diptych.reports.sweeps.best_trial import Winner
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.status import Row, Standing


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
    add_objectives(parser)
    add_json(parser, "the sweep's standing")


def run(args: argparse.Namespace) -> int:
    """One thing about one sweep; returns the exit code."""
    from diptych.runs.folder.find import default_outputs
    from diptych.sweeps.control import command_of, retry, stop
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.jobs import UNFINISHED
    from diptych.sweeps.status import standing_of

    output = Output(as_json=args.json)
    folder = SweepFolder.named(args.name, args.outputs or default_outputs())
    if args.what == "confirm":
        return _confirm(folder, args.objective, output)
    if args.objective:
        raise UserError(f"--objective goes with `diptych sweep confirm`, not with {args.what}")
    if args.what == "stop":
        output.line(stop(folder))
    elif args.what == "retry":
        output.line(retry(folder))
    standing = standing_of(folder, folder.jobs())
    _show(folder.name, standing, output)
    if not folder.is_in_hand and standing.counts.keys() & set(UNFINISHED) and args.what == "status":
        output.line(f"nobody carries it out at the moment; go on with\n{command_of(folder)}")
    output.result({"sweep": folder.name, "exclusive_lock": folder.is_in_hand, **standing.to_dict()})
    return 0


def _confirm(folder: "SweepFolder", objectives: list[str], output: Output) -> int:
    """What `compare` says that one should type, one command after the other; the first that fails ends it."""
    from diptych.reports.sweeps.files import reading_of
    from diptych.sweeps.jobs import UNFINISHED

    winner = reading_of(folder, objectives_from(objectives)).winner
    if winner is None:
        raise UserError(f"no run of sweep {folder.name} has a figure to lead by: `diptych sweep status {folder.name}`")
    if folder.is_in_hand:
        raise UserError(f"sweep {folder.name} is under way, and another may yet lead: wait for its end")
    if unfinished := [job.run_id for job in folder.jobs() if job.state in UNFINISHED]:
        output.line(f"not over, and might yet lead: {', '.join(unfinished)}")
    if winner.is_confirmed:
        output.line(f"#{winner.trial.number} of sweep {folder.name} is confirmed already")
    else:
        code = _typed(winner.retrain, folder) or _evaluated(winner, folder, output)
        if code:
            return code
    asked = (word for objective in objectives for word in ("--objective", objective))
    as_json = ("--json",) if output.as_json else ()
    return _typed(("diptych", "compare", str(folder.path), *asked, *as_json), folder)


def _evaluated(winner: "Winner", folder: "SweepFolder", output: Output) -> int:
    """Its tables, which are long, go into a file of the sweep that it evaluates."""
    from diptych.reports.sweeps.best_trial import SUFFIX
    from diptych.sweeps.folder import SweepFolder

    tables = SweepFolder.named(folder.name + SUFFIX, folder.outputs).path / "evaluations.txt"
    output.line(f"evaluating on the test split; the tables go to {short(tables)}")
    with tables.open("w", encoding="utf-8") as file:
        return _typed(winner.evaluate, folder, file)


def _typed(words: "Sequence[str]", folder: "SweepFolder", said: "TextIO | None" = None) -> int:
    """Carry a command out as if it had been typed; returns its exit code."""
    from diptych.runs.lifecycle.processes import carry_out

    return carry_out(words[1:], {"DIPTYCH_OUTPUTS": str(folder.outputs)}, said)


def _show(name: str, standing: "Standing", output: Output) -> None:
    from diptych.runs.folder.status import DONE

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
