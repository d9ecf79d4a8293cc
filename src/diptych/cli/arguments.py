"""Arguments that several commands share."""

import argparse
from collections.abc import Callable
from pathlib import Path


def add_run(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Declare the run of the command."""
    words = "a run folder, a run id or its beginning, or latest"
    parser.add_argument("run", metavar="RUN", nargs="?" if optional else None, help=words)


def add_runs(parser: argparse.ArgumentParser, name: str, metavar: str, further: str) -> None:
    """Declare one or more runs; `further` names what else is allowed."""
    parser.add_argument(
        name, metavar=metavar, nargs="+", help=f"run folders, run ids or their beginnings, latest{further}"
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Declare the folder of runs."""
    parser.add_argument("--outputs", type=Path, metavar="DIR", help="the folder of runs (default: outputs)")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Declare the packages whose classes a checkpoint may build."""
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="a package of your own models")


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Declare which of the run's weights are used."""
    parser.add_argument(
        "--checkpoint", metavar="best|last|FILE", help="the run's weights to use (default: best, or else last)"
    )


def add_beam(parser: argparse.ArgumentParser) -> None:
    """Declare the beam width."""
    parser.add_argument("--beam", type=int, default=1, metavar="K", help="hypotheses kept in the search (default: 1)")


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare `--json`, which makes standard output one JSON document."""
    parser.add_argument("--json", action="store_true", help=f"{what} as JSON, nothing else")


def given_options(args: argparse.Namespace, declare: Callable[[argparse.ArgumentParser], None]) -> dict[str, str]:
    """The flags, by name, that were not left at their defaults."""
    parser = argparse.ArgumentParser(add_help=False)
    declare(parser)
    flags = {action.dest: action.option_strings[0] for action in parser._actions if action.option_strings}
    return {dest: flag for dest, flag in flags.items() if getattr(args, dest) != parser.get_default(dest)}
