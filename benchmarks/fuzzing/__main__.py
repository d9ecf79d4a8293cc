"""Try damaged input on every parser of files from elsewhere, and say what breaks the law (docs/fuzzing.md).

`python -m benchmarks.fuzzing --seconds 60 [PARSER …]`; FUZZ_SECONDS is the default of --seconds. Each finding is
written to --out: a file that tests/fuzz_corpus can take once the parser is mended. Exit code 1 if there is one.
"""

import argparse
import os
import re
from pathlib import Path

from diptych.data.derived import VARIABLE

from .parsers import PARSERS
from .watch import Tally, watched


def main() -> int:
    """Print a row of the table for each parser."""
    args = _arguments()
    os.environ.pop(VARIABLE, None)  # files derived from data are damaged where they lie, beside the data
    chosen = [parser for parser in PARSERS if not args.parsers or parser.name in args.parsers]
    print("| parser | inputs | seconds | findings |\n| --- | --- | --- | --- |", flush=True)
    found = 0
    for parser in chosen:
        tally = watched(parser, args.seed, args.seconds)
        found += len(tally.findings)
        print(f"| {parser.name} | {tally.executions:,} | {tally.seconds:.0f} | {_told(tally)} |", flush=True)
        for number, (kind, content) in enumerate(tally.findings.items()):
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / f"{parser.name}--{_slug(kind)}-{number}").write_bytes(content)
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzzing", description=__doc__)
    parser.add_argument("parsers", nargs="*", metavar="PARSER", help=", ".join(each.name for each in PARSERS))
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "60")), help="a parser")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other inputs")
    parser.add_argument("--out", type=Path, default=Path("outputs/fuzzing"), help="folder of the findings")
    return parser.parse_args()


def _told(tally: Tally) -> str:
    return "; ".join(tally.findings) or "none"


def _slug(kind: str) -> str:
    return re.sub(r"[^a-zA-Z0-9]+", "-", kind).strip("-")[:60]


if __name__ == "__main__":
    raise SystemExit(main())
