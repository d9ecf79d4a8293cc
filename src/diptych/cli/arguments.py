"""Arguments that several commands take, said in the same words by all of them."""

import argparse
from pathlib import Path


def add_run(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """The one run that the command is about."""
    words = "a run folder, a run id or its beginning, or latest"
    parser.add_argument("run", metavar="RUN", nargs="?" if optional else None, help=words)


def add_runs(parser: argparse.ArgumentParser, name: str, metavar: str, further: str) -> None:
    """One run or several, and what else may stand among them: `further` says it."""
    parser.add_argument(
        name, metavar=metavar, nargs="+", help=f"run folders, run ids or their beginnings, latest{further}"
    )


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Where runs are looked for."""
    parser.add_argument("--outputs", type=Path, metavar="DIR", help="where runs lie (default: outputs)")


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Whose classes may be built from a checkpoint."""
    parser.add_argument("--trust", action="append", default=[], metavar="PACKAGE", help="a package of your own models")


def add_beam(parser: argparse.ArgumentParser) -> None:
    """How widely sentences are searched for."""
    parser.add_argument("--beam", type=int, default=1, metavar="K", help="hypotheses kept in the search (default: 1)")


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """For programs that read the answer: standard output is one JSON document."""
    parser.add_argument("--json", action="store_true", help=f"{what} as JSON, nothing else")
