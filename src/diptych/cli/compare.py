"""Set runs side by side: mean, interval and paired tests in one table, quality in training as plots.

One sweep alone is read by its validation figures, evaluated or not; with --by its runs' evaluations are compared.
"""

import argparse
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_json, add_runs
from diptych.cli.objectives import add_objectives, objectives_from
from diptych.cli.output import Output, check_writable, short
from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.reports.comparison.files import Written
    from diptych.runs.folder.layout import RunFolder
    from diptych.sweeps.folder import SweepFolder
    from diptych.sweeps.objective import SweepObjective

STANDARD_OUTPUT = "-"
MOST_GROUPS = 6
"""So many configurations of a sweep have their evaluations on the terminal; more are in a file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych compare` takes."""
    further = (
        ", or sweeps; those that differ only in seed are a group. One sweep alone is read by its validation figures: "
        "the best configurations, what mattered, what failed"
    )
    add_runs(parser, "runs", "RUN|SWEEP", further)
    parser.add_argument("--by", metavar="KEY", help="group by this key of the configuration, such as objective")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where table and plots are written (default: in outputs/comparisons)"
    )
    parser.add_argument(
        "--latex",
        metavar="FILE",
        help="the tables of evaluations as LaTeX (booktabs) in this file; - writes them to standard output, alone",
    )
    add_objectives(parser)
    add_json(parser, "the tables")


def run(args: argparse.Namespace) -> int:
    """Compare and write; returns the exit code."""
    from diptych.runs.folder.find import default_outputs
    from diptych.sweeps.folder import SweepFolder

    output = Output(as_json=args.json, for_people=args.latex != STANDARD_OUTPUT)
    _check_latex(args)
    outputs = default_outputs()
    objectives = objectives_from(args.objective)
    sweep = SweepFolder.find(args.runs[0], outputs) if len(args.runs) == 1 and args.by is None else None
    if sweep is None:
        if objectives:
            raise UserError("--objective goes with one sweep alone, and without --by")
        output.result(_compared(args, outputs, output))
    else:
        output.result(_swept(args, sweep, objectives, args.out or outputs / "comparisons" / sweep.name, output))
    return 0


def _compared(args: argparse.Namespace, outputs: Path, output: Output) -> dict[str, Any]:
    """The evaluations of runs side by side."""
    from diptych.reports.comparison.files import compare_runs
    from diptych.runs.folder.find import runs_named

    runs = runs_named(args.runs, outputs)
    written = compare_runs(runs, args.by, args.out or outputs / "comparisons" / _name(runs, args.by))
    for text in written.texts:
        output.line(text + "\n")
    _say_files(written.files, output)
    _write_latex(args.latex, written, output)
    return {"comparisons": written.values, "files": [str(path) for path in written.files]}


def _swept(
    args: argparse.Namespace,
    sweep: "SweepFolder",
    objectives: "Sequence[SweepObjective]",
    folder: Path,
    output: Output,
) -> dict[str, Any]:
    """A sweep by its validation figures; then those of its runs that were evaluated, side by side."""
    from diptych.reports.sweeps.files import analysis_of, write_analysis

    analysis = analysis_of(sweep, objectives)
    files = write_analysis(analysis, folder)
    output.line(analysis.text + "\n")
    runs = [run for run in map(sweep.run_of, sweep.jobs()) if run is not None]
    evaluated = [run for run in runs if any(run.evaluations.glob("*.json"))]
    written = _evaluated(evaluated, folder, output) if len(evaluated) > 1 else None
    values, more = (written.values, written.files) if written else ([], [])
    _say_files([*files, *more], output)
    _write_latex(args.latex, written, output)
    return {"sweep": analysis.values, "comparisons": values, "files": [str(path) for path in (*files, *more)]}


def _evaluated(runs: "Sequence[RunFolder]", folder: Path, output: Output) -> "Written | None":
    """Where they cannot stand side by side, the reason is said instead."""
    from diptych.reports.comparison.files import compare_runs

    try:
        written = compare_runs(runs, None, folder)
    except UserError as error:
        output.line(f"evaluations: {error}\n")
        return None
    groups = max(len(values["groups"]) for values in written.values)
    if groups > MOST_GROUPS:
        output.line(f"evaluations: the tables of {groups} configurations are in {short(folder / 'comparison.md')}\n")
    for text in written.texts if groups <= MOST_GROUPS else ():
        output.line(text + "\n")
    return written


def _check_latex(args: argparse.Namespace) -> None:
    """Refuse what cannot be written, before any work."""
    if args.latex == STANDARD_OUTPUT and args.json:
        raise UserError("--latex - and --json both want standard output: give --latex a file")
    if args.latex and args.latex != STANDARD_OUTPUT:
        check_writable(Path(args.latex), "--latex")


def _write_latex(place: str | None, written: "Written | None", output: Output) -> None:
    if place is None:
        return
    if written is None:
        raise UserError("--latex: fewer than two runs here are evaluated alike; `diptych evaluate` measures them")
    if place == STANDARD_OUTPUT:
        output.document(written.latex)
    else:
        Path(place).write_text(written.latex, encoding="utf-8")
        output.line(f"LaTeX written to {short(Path(place))}")


def _say_files(files: "Sequence[Path]", output: Output) -> None:
    """A folder's together; a name that has several endings comes once, as a shell would have it."""
    from diptych.reports.page.columns import COLUMNS

    for folder in dict.fromkeys(path.parent for path in files):
        endings: dict[str, list[str]] = {}
        for path in files:
            if path.parent == folder:
                endings.setdefault(path.stem, []).append(path.suffix[1:])
        names = (f"{s}.{e[0]}" if len(e) == 1 else f"{s}.{{{','.join(e)}}}" for s, e in endings.items())
        text = f"written to {short(folder)}: {' '.join(names)}"
        output.line(textwrap.fill(text, COLUMNS, subsequent_indent="  ", break_long_words=False))


def _name(runs: "list[RunFolder]", by: str | None) -> str:
    """The same for the same runs."""
    import hashlib

    digest = hashlib.sha256(" ".join([*(run.run_id for run in runs), by or ""]).encode()).hexdigest()
    return f"{runs[0].experiment}-{digest[:8]}"
