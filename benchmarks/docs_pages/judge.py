"""The judge's calibration as tables in docs/judge.md: `make judge` measures it and writes them between two marks."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diptych.metrics.statistics import Proportion
from diptych.reports.page.markdown import markdown_table
from diptych.world.judging.limits import calibration

from .pages import rewrite

PAGE, NAME = Path("docs/judge.md"), "calibration"
HEADER = ("condition", "pictures", "misread", "read exactly, 95 % interval", "worst shape", "refused", "floor")


def main() -> None:
    """Write the shipped calibration into docs/judge.md."""
    rewrite(PAGE, NAME, calibration_tables(calibration()))


def calibration_tables(measured: dict[str, Any]) -> str:
    """Every canvas's conditions, what is no scene, and minimal pairs."""
    parts = [
        f"Judge {measured['judge']}, seed {measured['seed']}, {measured['num']:,} pictures a condition, torch "
        f"{measured['versions']['torch']}."
    ]
    for side, entry in measured["sides"].items():
        limits = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in entry["limits"].items())
        parts.append(f"### {side} pixels\nLimits: {limits}.")
        parts.append(markdown_table(HEADER, map(_condition, entry["conditions"])))
        parts.append(markdown_table(("no scene, or a minimal pair", "of", "refused or told apart"), _others(entry)))
    return "\n\n".join(parts)


def _condition(row: dict[str, Any]) -> Sequence[str]:
    low, high = Proportion(row["exact"], row["num"]).interval
    shape, (exact, num) = min(row["shapes"].items(), key=lambda item: item[1][0] / item[1][1])
    return (
        row["name"],
        f"{row['num']:,}",
        f"{row['num'] - row['exact']:,}",
        f"{100 * low:.2f} to {100 * high:.2f} %",
        "all alike" if exact == num else f"{shape} {100 * exact / num:.2f} %",
        f"{100 * (row['off_grammar'] + row['ambiguous']) / row['num']:.2f} %",
        f"{100 * row['least_error']:.2f} %" if row["least_error"] else "0",
    )


def _others(entry: dict[str, Any]) -> Iterable[Sequence[str]]:
    for kind, row in entry.get("off_grammar", {}).items():
        refused = row["off_grammar"] + row["ambiguous"]
        yield kind, f"{row['num']:,}", f"{100 * refused / row['num']:.1f} %"
    for aspect, (flipped, tried) in entry["minimal_pairs"].items():
        yield f"another {aspect}", f"{tried:,}", f"{100 * flipped / tried:.1f} %"


if __name__ == "__main__":
    main()
