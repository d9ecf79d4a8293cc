"""The option `--objective val/scene_accuracy:max`, repeated for several objectives."""

import argparse
from typing import TYPE_CHECKING

from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.sweeps.objective import SweepObjective


def add_objectives(parser: argparse.ArgumentParser) -> None:
    """Declare `--objective`."""
    parser.add_argument(
        "--objective",
        action="append",
        default=[],
        metavar="NAME:min|max",
        help="rank a sweep by this figure of metrics.csv, or by seconds or images (default: its search's objectives or "
        "its monitor); several give a Pareto front",
    )


def objectives_from(texts: list[str]) -> "tuple[SweepObjective, ...]":
    """Read texts of the form `name:min` or `name:max`."""
    from diptych.sweeps.objective import MAX, MIN, SweepObjective

    objectives = []
    for text in texts:
        name, _, mode = text.rpartition(":")
        if not name or mode not in (MIN, MAX):
            raise UserError(f"--objective {text}: add the better direction, such as --objective val/scene_accuracy:max")
        objectives.append(SweepObjective(name, mode))
    return tuple(objectives)
