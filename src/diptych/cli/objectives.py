"""By which figures a sweep is read, as typed: `--objective val/scene_accuracy:max`, more than once for several."""

import argparse
from typing import TYPE_CHECKING

from diptych.config.errors import UserError

if TYPE_CHECKING:
    from diptych.reports.sweeps.trials import Objective


def add_objectives(parser: argparse.ArgumentParser) -> None:
    """Declare `--objective`."""
    parser.add_argument(
        "--objective",
        action="append",
        default=[],
        metavar="NAME:min|max",
        help="read a sweep by this figure of metrics.csv, or by seconds or images (default: what it monitors or was "
        "searched for); several make a Pareto front",
    )


def objectives_from(texts: list[str]) -> "tuple[Objective, ...]":
    """`name:min` or `name:max` each."""
    from diptych.reports.sweeps.trials import MAX, MIN, Objective

    objectives = []
    for text in texts:
        name, _, mode = text.rpartition(":")
        if not name or mode not in (MIN, MAX):
            raise UserError(f"--objective {text}: say which way is better, such as --objective val/scene_accuracy:max")
        objectives.append(Objective(name, mode))
    return tuple(objectives)
