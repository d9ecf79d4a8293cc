"""Calibrate the judge: `python -m benchmarks.judge_calibration --out FILE` (`make judge`), an hour on two cores.

It sets the judge's limits, measures its accuracy under each nuisance, and writes both as JSON.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diptych.cli.arguments import add_json
from diptych.cli.output import Output, check_writable, short
from diptych.config.errors import UserError
from diptych.reports.page.columns import table_line

SIDES = (32, 64, 128)
LARGEST_SIDE = 512
LEAST_PICTURES = 10
WIDTHS = (34, 9, 8, 12, 10, 7)
HEADER = ("", "pictures", "misread", "off grammar", "ambiguous", "floor")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, or exit with one message."""
    args = _parser().parse_args(arguments)
    try:
        return calibrate_judge(args, Output(as_json=args.json))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge_calibration", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", metavar="PIXELS", help="canvases (default: 32 64 128)")
    parser.add_argument("--num-pictures", type=int, default=10_000, metavar="N", help="a condition; 500 take minutes")
    parser.add_argument("--seed", type=int, default=1, help="of the pictures (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="what to write (default: judge.json)")
    add_json(parser, "the result")
    return parser


def calibrate_judge(args: argparse.Namespace, output: Output) -> int:
    """Measure the canvases one by one; those that the file has from the same settings stay in it."""
    from dataclasses import asdict

    from diptych.world.judging.limits import CALIBRATION_FILE, JUDGE_VERSION

    from . import CalibrationSize, calibrate

    _check(args)
    file = args.out or Path(CALIBRATION_FILE)
    check_writable(file, "--out")
    size = CalibrationSize(num=args.num_pictures, num_off_grammar=max(2, args.num_pictures // 5), seed=args.seed)
    sides = dict.fromkeys(args.sides or SIDES)
    measured = _kept(file, {"judge": JUDGE_VERSION, **asdict(size), "versions": _versions()})
    table: dict[str, Any] = {}
    for side in sides:
        table = calibrate([side], size, output.track) | {"versions": _versions()}
        measured |= table["sides"]
        table["sides"] = dict(sorted(measured.items(), key=lambda item: int(item[0])))
        _write(file, table)
        output.line(side_table(side, measured[str(side)]))
    output.line(f"written to {short(file)}")
    output.result(table)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be measured, and what would be ignored."""
    if args.num_pictures < LEAST_PICTURES:
        raise UserError(f"--num-pictures {args.num_pictures}: give {LEAST_PICTURES} or more")
    for side in args.sides or ():
        if not SIDES[0] <= side <= LARGEST_SIDE:
            raise UserError(f"--sides {side}: give {SIDES[0]} to {LARGEST_SIDE} pixels")


def side_table(side: int, entry: dict[str, Any]) -> str:
    """What was counted on one canvas, for a terminal of 80 columns."""
    lines = [f"{side} px; misread: any object; floor: what the best judge would misread", table_line(HEADER, WIDTHS)]
    lines += [table_line(_cells(row), WIDTHS) for row in entry["conditions"]]
    for kind, row in entry.get("off_grammar", {}).items():
        lines.append(f"refused of {kind}: {row['off_grammar'] + row['ambiguous']:,} of {row['num']:,}")
    for aspect, (flipped, tried) in entry["minimal_pairs"].items():
        lines.append(f"distinguished where only the {aspect} differs: {flipped:,} of {tried:,}")
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (row["num"], row["num"] - row["exact"], row["off_grammar"], row["ambiguous"])
    return (row["name"], *(f"{count:,}" for count in counts), f"{row['least_error']:.2%}")


def _kept(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The file's canvases with the same settings; it refuses to overwrite those with other settings."""
    if not file.exists():
        return {}
    there = _read(file)
    other = [key for key, value in settings.items() if there.get(key) != value]
    if other:
        raise UserError(f"{short(file)} was measured with another {', '.join(other)}: name another file with --out")
    return there["sides"]


def _read(file: Path) -> dict[str, Any]:
    """A calibration; anything else is somebody's, and is not overwritten."""
    try:
        there = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _no_calibration(file, str(error)) from error
    sides = there.get("sides") if isinstance(there, dict) else None
    if not isinstance(sides, dict) or not all(side.isdecimal() for side in sides):
        raise _no_calibration(file, "it has no sides")
    return there


def _no_calibration(file: Path, reason: str) -> UserError:
    return UserError(f"{short(file)} is no calibration, or damaged ({reason}): delete it or name another with --out")


def _write(file: Path, table: dict[str, Any]) -> None:
    """All or nothing."""
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    partial.replace(file)


def _versions() -> dict[str, str | None]:
    from diptych.runs.folder import environment

    return {name: environment.version_of(name) for name in ("diptych", "torch")}


if __name__ == "__main__":
    sys.exit(main())
