"""Show a sweep's status, stop it, retry its failed runs, or confirm its best trial: `diptych sweep WHAT NAME`.

`diptych train -m --sweep NAME …` starts a sweep, and the same command resumes it.
"""

import argparse
from typing import TYPE_CHECKING

from diptych.cli.arguments import add_json, add_outputs
from diptych.cli.objectives import add_objectives, objectives_from
from diptych.cli.output import Output, short
from diptych.cli.terminal.layout import one_line, terminal_width, wrapped
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from diptych.reports.sweeps.best_trial import BestTrial
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.status import JobRow, SweepStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych sweep` takes."""
    parser.add_argument(
        "what",
        choices=["status", "stop", "retry", "confirm"],
        help="status: show every run; stop: let every run save and stop; retry: queue failed, diverged and lost runs "
        "again, for when the sweep is resumed; confirm: train the best trial with three fresh seeds and evaluate them "
        "on the test split, in sweep NAME-best",
    )
    parser.add_argument("name", metavar="NAME", help="the sweep's name or folder")
    add_outputs(parser)
    add_objectives(parser)
    add_json(parser, "the sweep's status")


def run(args: argparse.Namespace) -> int:
    """Carry out one action on one sweep; returns the exit code."""
    from diptych.runs.folder.find import default_outputs
    from diptych.sweeps.control import command_of, retry, stop
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.jobs import UNFINISHED
    from diptych.sweeps.status import status_of

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
    status = status_of(folder, folder.jobs())
    _show(folder.name, status, output)
    if not folder.is_locked and status.counts.keys() & set(UNFINISHED) and args.what == "status":
        output.line(f"the sweep is not running; resume it with\n{command_of(folder)}")
    output.result({"sweep": folder.name, "exclusive_lock": folder.is_locked, **status.to_dict()})
    return 0


def _confirm(folder: "SweepFolder", objectives: list[str], output: Output) -> int:
    """Run the commands that `compare` shows, in order, up to the first that fails."""
    from diptych.reports.sweeps.files import analysis_of
    from diptych.sweeps.jobs import UNFINISHED

    best_trial = analysis_of(folder, objectives_from(objectives)).best_trial
    if best_trial is None:
        raise UserError(f"no run of sweep {folder.name} has a figure: see `diptych sweep status {folder.name}`")
    if folder.is_locked:
        raise UserError(f"sweep {folder.name} is running, so its best trial may change: wait for its end")
    if unfinished := [job.run_id for job in folder.jobs() if job.state in UNFINISHED]:
        output.line(f"unfinished, so the best trial may change: {', '.join(unfinished)}")
    if best_trial.is_confirmed:
        output.line(f"#{best_trial.trial.number} of sweep {folder.name} is confirmed already")
    else:
        code = _run_command(best_trial.retrain, folder) or _evaluated(best_trial, folder, output)
        if code:
            return code
    asked = (word for objective in objectives for word in ("--objective", objective))
    as_json = ("--json",) if output.as_json else ()
    return _run_command(("diptych", "compare", str(folder.path), *asked, *as_json), folder)


def _evaluated(best_trial: "BestTrial", folder: "SweepFolder", output: Output) -> int:
    """Evaluate the fresh seeds; the long tables go into a file of their sweep."""
    from diptych.reports.sweeps.best_trial import CONFIRMATION_SUFFIX
    from diptych.sweeps.folder import SweepFolder

    tables = SweepFolder.named(folder.name + CONFIRMATION_SUFFIX, folder.outputs).path / "evaluations.txt"
    output.line(f"evaluating on the test split; the tables go to {short(tables)}")
    with tables.open("w", encoding="utf-8") as file:
        return _run_command(best_trial.evaluate, folder, file)


def _run_command(words: "Sequence[str]", folder: "SweepFolder", stdout: "TextIO | None" = None) -> int:
    """Run a `diptych` command; returns its exit code."""
    from diptych.runs.lifecycle.processes import carry_out

    return carry_out(words[1:], {"DIPTYCH_OUTPUTS": str(folder.outputs)}, stdout)


def _show(name: str, status: "SweepStatus", output: Output) -> None:
    from diptych.runs.folder.status import DONE

    width = terminal_width()
    for row in status.rows:
        output.line(_line(row))
        for text in filter(None, (row.overrides, row.job.why)):
            output.line("      " + one_line(text, width - 6))
    output.line("\n".join(wrapped(f"sweep {name}: {status.summary}", width)))
    if DONE in status.counts:
        then = f"`diptych compare {name}` shows the best trial, and `diptych report {name}` writes a page"
        output.line("\n".join(wrapped(then, width)))


def _line(row: "JobRow") -> str:
    best = "" if row.best is None else f"best {row.best:.4g}"
    images = f"{row.images:,} images" if row.images else ""
    starts = f"{row.job.starts} starts" if row.job.starts > 1 else ""
    cells = ", ".join(filter(None, (images, best, starts)))
    return f"{row.job.number + 1:>4}  {row.job.run_id}  {row.job.state}{': ' if cells else ''}{cells}"
