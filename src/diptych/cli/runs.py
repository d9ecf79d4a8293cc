"""List runs, the newest last, or show one: `diptych runs`, `diptych runs show RUN`."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_json, add_outputs, add_run
from diptych.cli.output import Output
from diptych.cli.terminal.layout import one_line, table_lines, terminal_width, wrapped
from diptych.reports.page.columns import cut_in_the_middle

if TYPE_CHECKING:
    from diptych.runs.folder.layout import RunFolder

NAMES = (1, 3)
"""The columns that may be cut in the middle: the experiment and the figure."""
NAMING = ("experiment=", "model=", "data=", "name=")
"""The overrides that make up a run's name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych runs` takes."""
    parser.add_argument("what", nargs="?", choices=["show"], help="show one run instead of the list")
    add_run(parser, optional=True)
    parser.add_argument("--sweep", metavar="S", help="only the runs of this sweep: its folder, or its name")
    add_outputs(parser)
    add_json(parser, "the same")


def run(args: argparse.Namespace) -> int:
    """List or show; returns the exit code."""
    from diptych.runs.folder.find import all_runs, default_outputs, find_run, sweep_members

    output = Output(as_json=args.json)
    outputs = args.outputs or default_outputs()
    if args.what == "show":
        _show(find_run(args.run or "latest", outputs), output)
        return 0
    runs = all_runs(outputs)
    if args.sweep:
        members = sweep_members(args.sweep, outputs)
        runs = [r for r in runs if r.run_id in members]
    _list([_row(r) for r in runs], output, outputs)
    return 0


def _row(run: "RunFolder") -> dict[str, Any]:
    """One line of the list; a damaged run has one as well."""
    from diptych.config import UserError
    from diptych.runs.folder.status import DAMAGED

    status = run.read_status()
    label, monitor = status.label or "unknown", None
    try:
        monitor = run.read_config().get("monitor")
    except UserError:
        label = DAMAGED
    return {
        "id": run.run_id,
        "experiment": run.experiment,
        "status": label,
        "images_seen": status.images_seen,
        "monitor": monitor,
        "best": status.best,
        "collapsed": run.read_collapse(),
        "started": status.started,
        "folder": str(run.path),
        "overrides": run.read_overrides(),
    }


def _list(rows: list[dict[str, Any]], output: Output, outputs: Path) -> None:
    output.result(rows)
    if output.as_json:
        return
    if not rows:
        output.line(f"no runs in {outputs}/ yet: train one with `diptych train`")
        return
    cells = [("ID", "EXPERIMENT", "STATUS", "FIGURE", "BEST", "AGE")]
    cells += [(r["id"], r["experiment"], _status(r), *_best(r), _age(r["started"])) for r in rows]
    width = terminal_width()
    head, *lines = table_lines(cells, width, NAMES)
    output.line(head)
    for line, overrides in zip(lines, distinguishing(rows), strict=True):
        output.line(line)
        if overrides:
            output.line("  " + one_line(overrides, width - 2))


def distinguishing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each run's overrides that other runs of its experiment lack, without those in its name."""
    runs = Counter(row["experiment"] for row in rows)
    shared = Counter((row["experiment"], override) for row in rows for override in set(row["overrides"]))
    return [
        " ".join(
            override
            for override in row["overrides"]
            if not override.startswith(NAMING) and shared[row["experiment"], override] < runs[row["experiment"]]
        )
        for row in rows
    ]


def _show(run: "RunFolder", output: Output) -> None:
    status = run.read_status()
    row = _row(run)
    figures = _last_figures(run)
    output.result({**row, "why": status.why, "figures": figures, "config": run.read_config()})
    if output.as_json:
        return
    output.line(str(run.path))
    width, indent = terminal_width(), " " * 12
    why = f" ({status.why})" if status.why else ""
    said = [*wrapped(row["status"] + why, width, first="  status    ", then=indent)]
    said += wrapped(row["collapsed"], width, first=indent, then=indent) if row["collapsed"] else []
    output.line("\n".join(said))
    output.line(f"  images    {row['images_seen']:,} of {run.read_config()['budget_images']:,}")
    figure, best = _best(row)
    known = f"{cut_in_the_middle(figure, width - 13 - len(best))} {best}" if best else "no figure is monitored"
    output.line(f"  best      {known}")
    if status.started:
        output.line(f"  started   {status.started[:19].replace('T', ' ')} UTC, {_age(status.started)} ago")
    for name, value in figures.items():
        output.line(f"  {cut_in_the_middle(name, width - 18):<32}  {value:.6g}")


def _last_figures(run: "RunFolder") -> dict[str, float]:
    """The last value of each logged figure."""
    from diptych.tracking import read_metrics

    figures: dict[str, float] = {}
    for row in read_metrics(run.metrics):
        figures |= row
    return {name: value for name, value in figures.items() if "/" in name}


def _status(row: dict[str, Any]) -> str:
    return f"{row['status']}, {row['collapsed'].partition(':')[0]}" if row["collapsed"] else row["status"]


def _best(row: dict[str, Any]) -> tuple[str, str]:
    """The monitored figure and its best value."""
    return ("", "") if row["best"] is None else (str(row["monitor"]), f"{row['best']:.4g}")


def _age(started: str) -> str:
    if not started:
        return "?"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
