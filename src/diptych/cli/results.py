"""The project's results tables: what is measured and what is missing; train and measure what is, and write the page.

Tables are declared in docs/results/*/table.yaml, and what a run measured lies beside, one small JSON a run. `make
results` is `diptych results --train --write docs/results.md`; stop it with Ctrl-C, and run it again to go on.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diptych.cli.arguments import add_json
from diptych.cli.output import Output, short
from diptych.cli.terminal.layout import table_lines, terminal_width, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diptych.reports.tables.declaration import Table
    from diptych.reports.tables.standing import Standing

NAMES = (0,)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `diptych results` takes."""
    parser.add_argument(
        "words",
        metavar="TABLE|TABLE/ROW|KEY=VALUE",
        nargs="*",
        help="only these (default: all); where data lie: data.root=FOLDER",
    )
    parser.add_argument("--tables", type=Path, default=Path("docs/results"), metavar="DIR", help="default: %(default)s")
    parser.add_argument(
        "--collect", action="store_true", help="write the JSON of finished, evaluated runs that lack it"
    )
    parser.add_argument(
        "--train", action="store_true", help="train, evaluate and collect what is missing or stale, lenders first"
    )
    parser.add_argument(
        "--slots", type=int, metavar="N", help="runs at a time, one thread each (default: one per core)"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="write the page and its plots from all JSONs; alone, it lists nothing",
    )
    add_json(parser, "every row's state")


def run(args: argparse.Namespace) -> int:
    """Train, collect, list and write, as asked; 1 if something that was asked for could not be had."""
    from diptych.reports.tables.declaration import chosen, read_tables
    from diptych.reports.tables.production import Production
    from diptych.reports.tables.standing import Inventory
    from diptych.runs.folder.find import default_outputs

    output = Output(as_json=args.json)
    located = [word for word in args.words if "=" in word]
    tables = read_tables(args.tables)
    rows = chosen(tables, [word for word in args.words if word not in located])
    _refuse_unread(located, [table for table, _ in rows])
    inventory = Inventory(tables, args.tables, default_outputs(), located)
    production = Production(inventory, args.slots, ("diptych", *sys.argv[1:]))
    if args.train:
        production.produce(rows)
    elif args.collect:
        production.measure(rows, evaluate=False)
    only_writes = args.write and not (args.train or args.collect or args.json)
    standings = [] if only_writes else inventory.standings(rows)
    if standings:
        _show(standings, output)
    for text in production.failures:
        output.warning(text)
    files = _write(args.write, tables, args.tables, output) if args.write else []
    output.result(
        {
            "rows": [_values(one) for one in standings],
            "written": [str(path) for path in (*production.written, *files)],
            "failures": production.failures,
        }
    )
    return 1 if production.failures else 0


def _refuse_unread(located: "Sequence[str]", tables: "Sequence[Table]") -> None:
    from diptych.config.errors import UserError

    known = {key for table in tables for key in table.where}
    for word in located:
        if word.partition("=")[0] not in known:
            raise UserError(
                f"{word}: the chosen tables take {', '.join(sorted(known)) or 'no such key'} (where: in table.yaml)"
            )


def _show(standings: "Sequence[Standing]", output: Output) -> None:
    from diptych.reports.tables.standing import counts

    rows: dict[str, list[Standing]] = {}
    for one in standings:
        rows.setdefault(one.row.key, []).append(one)
    said = {key: ", ".join(f"{n} {state}" for state, n in counts(own).items()) for key, own in rows.items()}
    width = terminal_width()
    for line, own in zip(table_lines(list(said.items()), width, NAMES), rows.values(), strict=True):
        output.line(line)
        for one in (each for each in own if each.remark):
            output.line("\n".join(wrapped(f"seed {one.seed}: {one.remark}", width, first="  ", then="    ")))
    output.line("in all: " + ", ".join(f"{number} {state}" for state, number in counts(standings).items()))


def _values(one: "Standing") -> dict[str, Any]:
    record = one.record
    return {
        "table": one.table.name,
        "row": one.row.name,
        "seed": one.seed,
        "state": one.state,
        "why": one.why,
        "run": one.run.run_id if one.run else None,
        "figures": dict(record.figures) if record else {},
        "cost": dict(record.cost) if record else {},
    }


def _write(path: Path, tables: "Sequence[Table]", folder: Path, output: Output) -> list[Path]:
    """The page, and a plot for each table that has something to draw."""
    from diptych.reports.tables.files import write_page

    files = write_page(tables, folder, path)
    output.line(f"written to {short(path)}")
    return files
