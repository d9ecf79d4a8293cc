"""Calibrate the judge: set its limits, count how often it is right under each nuisance, and write both as JSON."""

import argparse
import json
from pathlib import Path
from typing import Any

from diptych.cli.output import Output, short

SIDES = (32, 64, 128)
WIDTHS = (34, 9, 8, 12, 10, 7)
HEADER = ("", "pictures", "misread", "off grammar", "ambiguous", "floor")


def calibrate_judge(args: argparse.Namespace, output: Output) -> int:
    """Measure every canvas asked for; canvases that the file has from the same plan stay in it."""
    from dataclasses import asdict

    from diptych.world.calibration import Plan, calibrate
    from diptych.world.limits import CALIBRATION_FILE, JUDGE_VERSION

    file = args.out or Path(CALIBRATION_FILE)
    plan = Plan(num=args.num_pictures, num_off_grammar=max(2, args.num_pictures // 5), seed=args.seed)
    sides = args.sides or SIDES
    kept = _kept(file, {"judge": JUDGE_VERSION, **asdict(plan)})
    table = calibrate(sides, plan, output.track)
    table["versions"] = _versions()
    table["sides"] = dict(sorted({**kept, **table["sides"]}.items(), key=lambda item: int(item[0])))
    for side in sides:
        output.line(side_table(side, table["sides"][str(side)]))
    file.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    output.line(f"written to {short(file)}")
    output.result(table)
    return 0


def side_table(side: int, entry: dict[str, Any]) -> str:
    """What was counted on one canvas, for a terminal of 80 columns."""
    lines = [f"{side} px; misread: any object; floor: what the best judge would misread", _line(HEADER)]
    lines += [_line(_cells(row)) for row in entry["conditions"]]
    for kind, row in entry.get("off_grammar", {}).items():
        lines.append(f"refused of {kind}: {row['off_grammar'] + row['ambiguous']:,} of {row['num']:,}")
    for aspect, (flipped, tried) in entry["minimal_pairs"].items():
        lines.append(f"told apart where only the {aspect} differs: {flipped:,} of {tried:,}")
    return "\n".join(lines) + "\n"


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (row["num"], row["num"] - row["exact"], row["off_grammar"], row["ambiguous"])
    return (row["name"], *(f"{count:,}" for count in counts), f"{row['least_error']:.2%}")


def _line(cells: tuple[str, ...]) -> str:
    first, *others = zip(cells, WIDTHS, strict=True)
    return first[0].ljust(first[1]) + "".join(cell.rjust(width) for cell, width in others)


def _kept(file: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """The canvases that the file has from the very plan."""
    if not file.exists():
        return {}
    there = json.loads(file.read_text(encoding="utf-8"))
    return there["sides"] if all(there.get(key) == value for key, value in plan.items()) else {}


def _versions() -> dict[str, str | None]:
    from diptych.runs import environment

    return {name: environment.version_of(name) for name in ("diptych", "torch")}
